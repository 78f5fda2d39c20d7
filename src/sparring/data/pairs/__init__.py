"""What is particular to image pairs: which images belong together, inputs made of images, alignment."""
