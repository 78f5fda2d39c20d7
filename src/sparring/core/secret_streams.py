"""Random numbers that nobody can guess who does not know their key, and that are the same each time for who does.

torch's and numpy's generators are no secret: torch's has 2^32 beginnings, which can all be tried. These numbers are the output of SHAKE-256
(FIPS 202) of the key, the stream's name and the moment.
"""

import hashlib
import secrets
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from sparring.core.random_streams import Streams

KEY_BITS = 128
DIGITS = 53
"""Binary digits of the uniform numbers that all others are made from."""


def new_key() -> int:
    """A key that nobody can guess."""
    return secrets.randbits(KEY_BITS)


@dataclass(frozen=True)
class SecretStreams(Streams):
    """Streams whose `seed` is a secret key."""

    def shares(self, name: str, count: int) -> Float64[np.ndarray, " count"]:
        """So many numbers, evenly spread over [0, 1)."""
        text = f"{self.seed}/{self.scope}/{name}/{self.step}/{self.part}".encode()
        whole = np.frombuffer(hashlib.shake_256(text).digest(8 * count), "<u8")
        return (whole >> np.uint64(64 - DIGITS)) * 2.0**-DIGITS

    def normals(self, name: str, count: int) -> Float64[np.ndarray, " count"]:
        """So many standard normal numbers (Box and Muller 1958)."""
        shares = self.shares(name, 2 * count)
        return np.sqrt(-2 * np.log1p(-shares[:count])) * np.cos(2 * np.pi * shares[count:])

    def normal(self, name: str, *shape: int) -> Float[Tensor, "..."]:
        """See Streams."""
        return torch.from_numpy(self.normals(name, prod(shape)).astype(np.float32)).reshape(shape).to(self.device)

    def uniform(self, name: str, *shape: int) -> Float[Tensor, "..."]:
        """See Streams."""
        return (
            torch.from_numpy((2 * self.shares(name, prod(shape)) - 1).astype(np.float32))
            .reshape(shape)
            .clamp(max=1 - 2**-24)
            .to(self.device)
        )

    def integers(self, name: str, below: int, *shape: int) -> Int64[Tensor, "..."]:
        """See Streams."""
        return torch.from_numpy((self.shares(name, prod(shape)) * below).astype(np.int64)).reshape(shape).to(self.device)
