"""The adapter of one Alpaca account: alpaca-py on one side, Tandem's venue port on the other."""
