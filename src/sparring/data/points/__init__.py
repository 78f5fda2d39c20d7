"""Points in the plane with a known density."""
