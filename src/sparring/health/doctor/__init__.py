"""Before training: what is wrong with the data, which recipe to start with, how long it takes."""
