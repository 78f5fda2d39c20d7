"""Games on points in the plane, where the truth is known and everything can be seen."""
