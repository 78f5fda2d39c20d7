"""Bytes of text files as text."""

import gzip
import lzma
import zlib
from pathlib import Path

from sparring.core.errors import DataError


def decoded_file(path: Path, read_here: str) -> tuple[str, str]:
    """The text of a file, packed by gzip or xz or not, and its encoding. `read_here`: what messages say is read. A DataError if it is no
    text.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        elif content[:6] == b"\xfd7zXZ\0":
            content = lzma.decompress(content)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as problem:
        raise DataError(f"{path} cannot be read: {problem}") from None
    encoding = "utf-8"
    if content.startswith(b"\xef\xbb\xbf"):
        encoding = "utf-8-sig"
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in content[:4096]:
        raise DataError(f"{path} is no text: it has bytes of zero. What is read here is {read_here}.")
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        try:
            return content.decode("cp1252"), "cp1252"
        except UnicodeDecodeError:
            raise DataError(
                f"{path} is neither in UTF-8 nor in Windows' Western encoding: line {line} has the byte 0x{content[problem.start]:02x}. "
                "Save it as UTF-8."
            ) from None
