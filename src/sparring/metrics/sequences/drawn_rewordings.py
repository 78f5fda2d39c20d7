"""What rewordings are like as a model draws them."""

from collections import Counter

import numpy as np
from jaxtyping import Bool, Int64

END = 0
"""The code after the last token, as sequences have it."""


def drawn_signs(
    codes: Int64[np.ndarray, "n length"], drawn: Int64[np.ndarray, "n draws length"], kept: Bool[np.ndarray, " vocabulary"]
) -> dict[str, float]:
    """Shares of the rewordings of some texts that are their text ("copies"), are the most common one of all ("most common"), and have not
    the same kept tokens as their text, each as often ("astray"). `kept`: which codes must be kept.
    """
    everything = drawn.reshape(-1, drawn.shape[2])
    asked = np.repeat(codes, drawn.shape[1], axis=0)
    common = Counter(map(bytes, np.ascontiguousarray(everything))).most_common(1)[0][1]
    astray = [kept_of(one, kept) != kept_of(other, kept) for one, other in zip(asked, everything, strict=True)]
    return {
        "copies": float((asked == everything).all(axis=1).mean()),
        "most common": common / len(everything),
        "astray": float(np.mean(astray)),
    }


def kept_of(codes: Int64[np.ndarray, " length"], kept: Bool[np.ndarray, " vocabulary"]) -> Counter[int]:
    """The tokens of a text that must be kept, and how often they are there."""
    return Counter(code for code in codes.tolist() if code != END and kept[code])
