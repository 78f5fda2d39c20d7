"""Shows what a trained discriminator has learned: its features as a representation, and what its filters respond to."""
