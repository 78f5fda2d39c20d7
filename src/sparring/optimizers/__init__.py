"""Optimizers by name, and their steps as differentiable functions."""
