"""How long OpenMP's threads keep a core busy while they wait for each other. This imports no torch: it is set before torch is loaded."""

import os
import sys
from collections.abc import Callable
from typing import Literal

SPIN_COUNT = 1000
"""How often a thread looks at the others before it goes to sleep, set by default. The library's own 300,000 take milliseconds: see
docs/benchmarks/speed.md."""
VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""What decides how long threads wait before they sleep. GCC's OpenMP library, which comes with torch on Linux, reads them once, as it is
loaded."""
KEEP = "SPARRING_KEEP_OPENMP"
"""Set to anything but 0, this leaves OpenMP's own setting alone."""

_UNSAID = [
    "torch was loaded before sparring: beside other programs training will be slow, as threads keep cores busy while they wait for each "
    f"other. Import sparring first, or set GOMP_SPINCOUNT={SPIN_COUNT} before Python starts."
]

Waiting = Literal["set", "chosen", "kept", "late", "elsewhere"]


def shorten_waiting() -> Waiting:
    """Have threads that wait for each other sleep soon, so that other programs get the core, and training beside them is not slowed down
    many times over. It sets an environment variable of this process, which those that it starts inherit.

    Says what was done: "set"; "chosen": one of the `VARIABLES` is set already, and stays; "kept": `KEEP` forbids it; "late": torch is
    loaded, so that nothing can be changed any more; "elsewhere": the system is not Linux, where torch has another library.
    """
    if sys.platform != "linux":
        return "elsewhere"
    if any(variable in os.environ for variable in VARIABLES):
        return "chosen"
    if os.environ.get(KEEP, "0") not in {"", "0"}:
        return "kept"
    if "torch" in sys.modules:
        return "late"
    os.environ["GOMP_SPINCOUNT"] = str(SPIN_COUNT)
    return "set"


def remark_once(say: Callable[[str], object]) -> None:
    """Say, once in this process, that training beside other programs will be slow, if torch was loaded too early for `shorten_waiting`."""
    if _UNSAID and shorten_waiting() == "late":
        say(_UNSAID.pop())
