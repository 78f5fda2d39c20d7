"""Metrics: pure functions of arrays. No files, no networks."""
