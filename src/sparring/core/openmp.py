"""How long OpenMP's threads keep a core busy while they wait for each other. This imports no torch: it is set before torch is loaded."""

import os
import sys
from collections.abc import Callable
from typing import Literal

SPIN_COUNT = 1000
"""How often a thread looks at the others before it goes to sleep, where short waits are turned on. The library's own 300,000 take
milliseconds: see docs/benchmarks/speed.md."""
VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
"""What decides how long threads wait before they sleep. GCC's OpenMP library, which comes with torch on Linux, reads them once, as it is
loaded."""
SHORT = "SPARRING_SHORT_WAITS"
"""Set to anything but 0, this turns short waits on. They are off by default: alone a step takes a tenth longer with them, and beside other
programs one thread is faster than any wait."""

_UNSAID = [
    f"torch was loaded before sparring, so {SHORT} does nothing. Import sparring first, or set GOMP_SPINCOUNT={SPIN_COUNT} before Python "
    "starts."
]

Waiting = Literal["set", "chosen", "off", "late", "elsewhere"]


def shorten_waiting() -> Waiting:
    """If `SHORT` asks for it, have threads that wait for each other sleep soon, so that other programs get the core. It sets an environment
    variable of this process, which those that it starts inherit.

    Says what was done: "set"; "chosen": one of the `VARIABLES` is set already, and stays; "off": `SHORT` is not set; "late": torch is
    loaded, so that nothing can be changed any more; "elsewhere": the system is not Linux, where torch has another library.
    """
    if sys.platform != "linux":
        return "elsewhere"
    if any(variable in os.environ for variable in VARIABLES):
        return "chosen"
    if os.environ.get(SHORT, "0") in {"", "0"}:
        return "off"
    if "torch" in sys.modules:
        return "late"
    os.environ["GOMP_SPINCOUNT"] = str(SPIN_COUNT)
    return "set"


def remark_once(say: Callable[[str], object]) -> None:
    """Say, once in this process, that short waits are asked for and torch was loaded too early for them."""
    if _UNSAID and shorten_waiting() == "late":
        say(_UNSAID.pop())
