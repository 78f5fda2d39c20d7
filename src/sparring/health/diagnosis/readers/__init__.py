"""Readers of what other programs write: losses in tables and logs, sheets of samples."""
