"""The Interactive Brokers adapter: one account behind an IB Gateway, as a `VenueGateway`."""
