"""Exploring the latent space of a trained model: w for generators with styles, z for others."""
