"""The router: one order, worked at most once, at a broker that is up."""
