"""A model as one web page, which opens from disk without a server."""
