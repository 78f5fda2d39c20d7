"""Published networks with trained weights, whose features losses and metrics are computed from."""
