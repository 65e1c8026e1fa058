"""The books: what the journal says, folded."""
