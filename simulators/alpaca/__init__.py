"""The simulated Alpaca: REST and websocket on one port, driven by the shared venue model."""
