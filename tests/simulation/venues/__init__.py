"""The kinds of venues: each with its simulator as a node, its adapter, and its faults' place."""
