"""Scores of generated order lines."""
