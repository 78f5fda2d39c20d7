"""Numbers as they are written down."""


def rounded(value: float) -> float:
    """With four figures: a sign is no more exact than that."""
    return float(f"{value:.4g}")


def plural(count: float, one: str, many: str) -> str:
    """A count with its noun, in the right number: "1 image", "2,000 images", "0.5 epochs"."""
    return f"{count:,g} {one if count == 1 else many}" if count < 1e6 else f"{count:,.0f} {many}"
