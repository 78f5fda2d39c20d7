"""Where onnxruntime-web lies, which runs models in browsers."""

import json
from dataclasses import dataclass
from pathlib import Path

from sparring.core.errors import SettingsError

USUAL_PLACE = Path("node_modules", "onnxruntime-web")
"""Where npm puts it, seen from the folder in which it was installed."""
PROGRAM, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
"""The files that a page needs: without WebGPU, which is not everywhere."""
OLDEST = (1, 19)
"""The first version that has them."""


@dataclass(frozen=True)
class Runtime:
    """The parts of onnxruntime-web that a page needs."""

    version: str
    program: bytes
    """An ES module."""
    wasm: bytes


def find_runtime(folder: Path | None) -> Runtime:
    """The runtime in a folder that npm made; None: in `node_modules` of the working directory.

    A SettingsError says how to get it. Nothing in the folder is executed here: it goes into the page as it is.
    """
    place = USUAL_PLACE if folder is None else folder
    for inner in (place, place / "onnxruntime-web", place / USUAL_PLACE):
        if (inner / "package.json").is_file():
            return _read(inner)
    named = "there is none in node_modules of this folder" if folder is None else f"{folder} does not hold it"
    raise SettingsError(
        f"A page needs onnxruntime-web, which runs models in browsers (MIT license), and {named}. Get it with npm: npm install "
        "onnxruntime-web. Then call the command in the same folder, or name the place: --runtime node_modules/onnxruntime-web"
    )


def _read(place: Path) -> Runtime:
    try:
        about = json.loads((place / "package.json").read_text(encoding="utf-8"))
        name, version = str(about["name"]), str(about["version"])
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise SettingsError(f"{place / 'package.json'} cannot be read: {problem}. Install it anew: npm install onnxruntime-web") from None
    if name != "onnxruntime-web":
        raise SettingsError(f"{place} holds the package {name!r}, not onnxruntime-web. Get it with: npm install onnxruntime-web")
    if numbers < OLDEST:
        raise SettingsError(f"{place} is onnxruntime-web {version}, and 1.19 is the oldest that works: npm install onnxruntime-web@latest")
    try:
        return Runtime(version, (place / "dist" / PROGRAM).read_bytes(), (place / "dist" / WASM).read_bytes())
    except OSError as problem:
        raise SettingsError(
            f"{problem.filename} cannot be read: {problem.strerror}. Install it anew: npm install onnxruntime-web"
        ) from None
