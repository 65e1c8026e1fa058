"""What every process is made of: clocks, settings, logs, tracing, gRPC edge, health, shutdown.

Nothing here knows an order or a broker. It imports no other room of Tandem: each process wires
it in its own bootstrap.
"""
