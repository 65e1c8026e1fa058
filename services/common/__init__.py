"""What every service shares: domain, contract, runtime and the adapter kit."""
