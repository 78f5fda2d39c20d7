"""One module for each form that data comes in: folders, zips, IDX, NumPy arrays, hubs."""
