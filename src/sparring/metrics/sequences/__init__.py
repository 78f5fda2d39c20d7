"""Scores of sequences of tokens."""
