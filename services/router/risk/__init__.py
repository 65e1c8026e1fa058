"""What may be sent at all."""
