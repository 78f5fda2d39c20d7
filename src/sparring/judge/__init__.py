"""Floor 3, scores: how far samples are from real data."""
