"""Image data: bundled data sets, common sizes and value ranges, and the inspection of sources."""
