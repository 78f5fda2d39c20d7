"""What other programs left: losses in tables and logs, sheets of samples."""
