"""What the kinds of faults do to a world."""
