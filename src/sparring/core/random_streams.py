"""Randomness as a function of (seed, stream name, step, part): nothing to save, and no order to keep.

Numbers are always drawn on the CPU, so that every device plays the same game.
"""

import hashlib
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor


def stream_seed(seed: int, name: str, step: int, part: int = 0) -> int:
    """A 63-bit seed that depends on all four, and differs wherever one of them does."""
    key = f"{seed}/{name}/{step}/{part}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little") >> 1


@dataclass(frozen=True)
class Streams:
    """Random numbers for one moment of a game: every name is a stream of its own."""

    seed: int
    step: int
    part: int = 0
    device: torch.device | str = "cpu"
    scope: str = ""
    """Goes before every name, to set apart those who use the same names in the same step."""

    def seed_of(self, name: str) -> int:
        """The seed at the start of the stream `name` of this moment."""
        return stream_seed(self.seed, f"{self.scope}/{name}", self.step, self.part)

    def generator(self, name: str) -> torch.Generator:
        """A generator at the start of the stream `name` of this moment."""
        return torch.Generator().manual_seed(self.seed_of(name))

    def normal(self, name: str, *shape: int) -> Float[Tensor, "..."]:
        """Standard normal numbers of that shape."""
        return torch.randn(*shape, generator=self.generator(name)).to(self.device)

    def uniform(self, name: str, *shape: int) -> Float[Tensor, "..."]:
        """Numbers of that shape, evenly spread over [-1, 1)."""
        return torch.rand(*shape, generator=self.generator(name)).mul_(2).sub_(1).to(self.device)

    def integers(self, name: str, below: int, *shape: int) -> Int64[Tensor, "..."]:
        """Whole numbers of that shape in [0, below)."""
        return torch.randint(below, shape, generator=self.generator(name)).to(self.device)


def seed_torch(seed: int, device: torch.device) -> None:
    """Set torch's own random numbers (dropout). Not `torch.manual_seed`, which queues work for absent GPUs at every call."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
