"""Sequences of tokens: texts as characters or words, and molecules as strings."""
