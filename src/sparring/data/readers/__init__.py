"""Readers for each form of data: folders, zips, IDX files, NumPy arrays, and data sets of torchvision and Hugging Face."""
