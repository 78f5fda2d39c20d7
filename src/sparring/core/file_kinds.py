"""What a file or folder is, told by its first bytes and by names in it. Nothing is unpickled, decoded or executed."""

import json
import pickle
import shlex
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Holds = Literal["model", "official", "weights", "images", "other", "damaged"]
"""A model that Sparring wrote; weights that `sparring import` may read; weights that it does not; images; something else; nothing whole."""
START = 4096
"""Bytes at the beginning of a file that are read to tell what it is."""
LONGEST_HEADING = 100_000_000
"""Of a safetensors file, in bytes, as its own library has it."""
TORCH_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")
"""Near the beginning of PyTorch's older files."""
MAGIC: tuple[tuple[bytes, str, Holds], ...] = (
    (b"\x89PNG\r\n\x1a\n", "an image (PNG)", "images"),
    (b"\xff\xd8\xff", "an image (JPEG)", "images"),
    (b"GIF8", "an image (GIF)", "images"),
    (b"II*\0", "an image (TIFF)", "images"),
    (b"MM\0*", "an image (TIFF)", "images"),
    (b"qoif", "an image (QOI)", "images"),
    (b"\x93NUMPY", "a NumPy array (.npy)", "images"),
    (b"\x1a\x45\xdf\xa3", "a film (Matroska or WebM)", "images"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras and others)", "weights"),
    (b"GGUF", "a GGUF file (language models of llama.cpp)", "weights"),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself (fetch it with: git lfs pull)", "damaged"),
    (b"\x1f\x8b", "a gzip archive", "other"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "other"),
    (b"Rar!", "a RAR archive", "other"),
    (b"%PDF", "a PDF document", "other"),
    (b"PAR1", "a Parquet table", "other"),
)
FAMILIES: tuple[tuple[tuple[str, ...], str, Holds], ...] = (
    (("down_blocks.", "time_embedding.", "encoder.down_blocks."), "a diffusion model, as diffusers writes it", "weights"),
    (("synthesis.", "mapping.fc"), "NVIDIA's StyleGAN in another wrapping than the .pkl that NVIDIA published", "official"),
    (("patch_embed.", "conv_stem.", "cls_token"), "a classifier, as timm writes it", "weights"),
    (("text_model.", "vision_model.", "model.layers.", "lm_head.", "lora_"), "a transformer, as Hugging Face writes it", "weights"),
)
"""Beginnings of tensors' names, by which known families are told."""


@dataclass(frozen=True)
class FileKind:
    """What a file or folder is."""

    says: str
    """With its article, as the end of "x is ...": "an image (PNG)"."""
    holds: Holds


def kind_of(path: Path) -> FileKind:
    """What lies at a path that exists. An OSError if it cannot be read."""
    if path.is_dir():
        return _folder(path)
    with path.open("rb") as file:
        start = file.read(START)
    if start[:2] == b"PK":
        return _zip(path)
    if start[8:9] == b"{" and 0 < int.from_bytes(start[:8], "little") < LONGEST_HEADING:
        return _safetensors(path)
    return _by_magic(start) or _by_form(start) or _text(start)


def _by_magic(start: bytes) -> FileKind | None:
    """What files that begin so are, by the first bytes alone."""
    if start[:4] == b"RIFF":
        return FileKind("an image (WebP)" if start[8:12] == b"WEBP" else "a film or a sound (RIFF)", "images")
    if start[4:8] == b"ftyp":
        return FileKind("an image (AVIF or HEIC)" if start[8:11] in {b"avi", b"hei", b"mif"} else "a film (MP4 or QuickTime)", "images")
    return next((FileKind(says, holds) for magic, says, holds in MAGIC if start.startswith(magic)), None)


def _by_form(start: bytes) -> FileKind | None:
    """What files without a signature of their own are, by what their first fields look like."""
    if not start:
        return FileKind("empty", "damaged")
    if TORCH_MAGIC in start[:64]:
        return FileKind("a PyTorch file (torch.save, in the form before 2020)", "official")
    if start[:1] == pickle.PROTO and len(start) > 1 and 2 <= start[1] <= pickle.HIGHEST_PROTOCOL:
        return FileKind("a Python pickle", "official")
    if start[0] == 8 and start[2:3] in {b"\x12", b"\x3a", b"\x42"} and start[1] < 32:  # ir_version, then the producer or so
        return FileKind("an ONNX model", "weights")
    return None


def _text(start: bytes) -> FileKind:
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as problem:
        text = start[: problem.start].decode("utf-8") if len(start) - problem.start < 4 < problem.start else ""  # cut within a character
    if not text or any(letter < " " and letter not in "\t\n\r\f" for letter in text):
        return FileKind(f"of a kind that is not known here (it begins with {start[:16]!r})", "other")
    if text.lstrip()[:20].lower().startswith(("<!doctype html", "<html")):
        return FileKind("an HTML page (a download that failed often leaves one)", "damaged")
    return FileKind("a text file", "other")


def _zip(path: Path) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            pickled = next((name for name in names if name.endswith("data.pkl")), None)
            if pickled is None:
                return _archive(names)
            with archive.open(pickled) as file:
                start = file.read(START)
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError):
        return FileKind("a zip archive that is damaged or cut short", "damaged")
    if any(name.endswith("constants.pkl") for name in names):
        return FileKind("a TorchScript program", "weights")
    by = "a checkpoint of PyTorch Lightning" if b"pytorch-lightning_version" in start else "a PyTorch file (torch.save)"
    return FileKind(by, "official")


def _archive(names: Sequence[str]) -> FileKind:
    if names and all(name.endswith(".npy") for name in names):
        return FileKind("a set of NumPy arrays (.npz)", "images")
    return FileKind("a zip archive", "images")


def heading_of(path: Path) -> dict[str, Any] | None:
    """The heading of a safetensors file; None if it is none, or its heading is not whole."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length < LONGEST_HEADING:
            return None
        content = file.read(length)
    try:
        found = json.loads(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) and all(isinstance(entry, dict) for entry in found.values()) else None


def _safetensors(path: Path) -> FileKind:
    heading = heading_of(path)
    if heading is None:
        return FileKind("a safetensors file that is damaged or cut short", "damaged")
    about = heading.pop("__metadata__", {})
    try:
        end = max((entry["data_offsets"][1] for entry in heading.values()), default=0)
        length = path.stat().st_size - 8 - int.from_bytes(path.open("rb").read(8), "little")
        whole = end == length
    except (KeyError, TypeError, IndexError):
        whole = False
    if not whole:
        return FileKind("a safetensors file that is damaged or cut short", "damaged")
    if "sparring" in about:
        return FileKind("a model that Sparring packed", "model")
    for beginnings, says, holds in FAMILIES:
        if any(name.startswith(beginnings) for name in heading):
            return FileKind(f"a safetensors file of another program ({says})", holds)
    return FileKind(f"a safetensors file of another program (its first names: {', '.join(list(heading)[:3]) or 'none'})", "official")


def _folder(path: Path) -> FileKind:
    if (path / "model_index.json").is_file():
        return FileKind("a pipeline of diffusers (Hugging Face)", "weights")
    config = path / "config.json"
    if config.is_file() and config.stat().st_size < LONGEST_HEADING:
        try:
            about = json.loads(config.read_bytes())
        except ValueError:
            about = None
        if isinstance(about, dict):
            if about.keys() & {"architectures", "model_type", "transformers_version", "architecture", "_class_name", "_diffusers_version"}:
                return FileKind("a model of Hugging Face's libraries", "weights")
            if "recipe" in about:
                return FileKind("a run of Sparring's", "model")
    return FileKind("a folder", "other")


def refusal(path: Path, wanted: str, *, importing: bool = False) -> str:
    """Why a file or folder that exists is not `wanted` ("a run or a packed model"), and what reads it. `importing`: whether
    `sparring import` is what refuses.
    """
    kind, place = kind_of(path), shlex.quote(str(path))
    return f"{path} is {kind.says}, not {wanted}. {_reader(kind, place, importing)}".rstrip()


def _reader(kind: FileKind, place: str, importing: bool) -> str:
    match kind.holds:
        case "model":
            return f"`sparring sample {place}`, or for translators `sparring translate {place} IN OUT`, uses it."
        case "official":
            known = (
                "NVIDIA's StyleGAN2 and StyleGAN2-ADA (.pkl), and checkpoints of PyTorch's DCGAN example, rosinality's StyleGAN2, "
                "BigGAN-PyTorch, pytorch-CycleGAN-and-pix2pix, CUT and lucidrains' lightweight-gan"
            )
            return f"Known are {known}." if importing else f"`sparring import {place}` reads weights of other programs: {known}."
        case "weights":
            return "Sparring does not read it; `sparring judge FOLDER DATA` judges images that its model has drawn."
        case "images":
            return "`sparring train RECIPE --data FOLDER` learns from images, and `sparring judge FOLDER DATA` judges them."
        case "damaged":
            return "Download or copy it anew."
    return ""
