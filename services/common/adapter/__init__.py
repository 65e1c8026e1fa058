"""What every adapter shares: the port to a venue, the servicers over it, fence, pacer, feed."""
