"""Floor 1, networks: plain modules that take plain keywords."""
