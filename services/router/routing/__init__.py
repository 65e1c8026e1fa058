"""Where an order goes, how it is sent, and what is made of what comes back."""
