"""Image pairs: which images belong together, inputs derived from images, and checks of their alignment."""
