"""Trained models in use: load, sample, pack, translate."""
