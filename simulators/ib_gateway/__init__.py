"""A simulated IB Gateway: the TWS socket protocol on the shared venue model."""
