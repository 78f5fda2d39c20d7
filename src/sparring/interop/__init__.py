"""Official and other programs' weights in. Nothing that a file asks for is run."""
