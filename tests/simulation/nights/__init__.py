"""Nights at Interactive Brokers: orders that work while the Gateway goes down and comes back."""
