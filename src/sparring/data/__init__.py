"""Data: reads a user's files into memory-mapped stores of checked samples."""
