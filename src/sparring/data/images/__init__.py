"""What is particular to images: the bundled sets, their sizes and value range, a look at a source."""
