"""Networks: plain modules that take plain keywords. One module for each family of networks."""
