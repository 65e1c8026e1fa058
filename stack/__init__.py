"""The whole of Tandem on one machine: `python -m stack demo` and `python -m stack run`."""
