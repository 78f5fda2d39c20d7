"""Numbers as they are written down."""


def rounded(value: float) -> float:
    """With four figures: a sign is no more exact than that."""
    return float(f"{value:.4g}")
