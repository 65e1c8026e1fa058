"""The soak: a day of open market behind the Alpaca adapter, with a fault every few seconds."""
