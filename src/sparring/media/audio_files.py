"""Sound as WAV files."""

import io
import wave

import numpy as np
from jaxtyping import Float32


def wav_bytes(sound: Float32[np.ndarray, " samples"], rate: int) -> bytes:
    """Sound of one channel in [-1, 1] as a WAV file of 16 bits. Louder sound is cut off."""
    numbers = np.round(np.clip(sound, -1, 1) * 32767).astype("<i2")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(numbers.tobytes())
    return out.getvalue()
