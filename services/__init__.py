"""Tandem's services: the shared kit, the adapters and the router."""
