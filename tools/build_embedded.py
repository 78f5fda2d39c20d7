"""Build src/sparring/data/images/bundled_files/ from the original archives: python tools/build_embedded.py --from DIR

DIR holds fashion-mnist/t10k-*.gz, emoji-google-64.zip, emoji-twitter-64.zip and emoji-labels.csv. Every set becomes one large
lossless WebP (a sheet of images, row by row in the order of the items) and a table of names, labels and checksums. Large sheets
pack and decode far better than single files. The same Pillow gives the same bytes every time.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

EMBEDDED = Path(__file__).resolve().parent.parent / "src/sparring/data/images/bundled_files"
GARMENTS = ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
LARGEST_SIDE = 16383
"""Of a WebP."""


def sheet_of(images: UInt8[np.ndarray, "n h w c"]) -> UInt8[np.ndarray, "rows columns c"]:
    """All images in one nearly square image, row by row; what is left of the last row is zero."""
    n, height, width, channels = images.shape
    columns = int(np.ceil(np.sqrt(n)))
    rows = -(-n // columns)
    if max(rows * height, columns * width) > LARGEST_SIDE:
        raise SystemExit(f"{n} images of {height}x{width} do not fit on one WebP.")
    sheet = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:n] = images
    return sheet.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4).reshape(rows * height, columns * width, channels)


def write_sheet(name: str, images: UInt8[np.ndarray, "n h w c"]) -> str:
    """Write the sheet, read it back, compare, and return the checksum of the file."""
    sheet = sheet_of(images)
    image = Image.fromarray(sheet[:, :, 0]).convert("RGB") if sheet.shape[2] == 1 else Image.fromarray(sheet)
    buffer = io.BytesIO()
    # quality here is effort; method 6 takes minutes and saves under 2 per cent more
    image.save(buffer, "WEBP", lossless=True, quality=100, method=5, exact=False)
    back = np.asarray(Image.open(io.BytesIO(buffer.getvalue())))[:, :, : sheet.shape[2]]
    seen = sheet[:, :, 3:] > 0 if sheet.shape[2] == 4 else np.ones_like(sheet, bool)
    if not np.array_equal(back * seen, sheet * seen) or not np.array_equal(back[:, :, 3:], sheet[:, :, 3:]):
        raise SystemExit(f"{name}: the WebP is not lossless.")
    (EMBEDDED / f"{name}.webp").write_bytes(buffer.getvalue())
    print(f"{name}.webp: {len(images)} images, {len(buffer.getvalue()) / 1e6:.2f} MB")
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def write_table(name: str, *, side: int, classes: list[str], names: list[str], labels: list[int], checksums: dict[str, str]) -> None:
    table = {"side": side, "classes": classes, "sha256": checksums, "names": names, "labels": labels}
    (EMBEDDED / f"{name}.json").write_text(json.dumps(table, separators=(",", ":")) + "\n", "utf-8")


def build_fashion(folder: Path) -> None:
    content = gzip.decompress((folder / "fashion-mnist/t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "fashion-mnist/t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    images = np.frombuffer(content, np.uint8, offset=16).reshape(-1, 28, 28, 1)
    checksum = write_sheet("fashion10k", images)
    write_table("fashion10k", side=28, classes=GARMENTS, names=[], labels=list(labels), checksums={"fashion10k": checksum})


def emoji_images(archive: Path, names: list[str]) -> UInt8[np.ndarray, "n 64 64 4"]:
    """RGBA, with zeros where nothing is seen: the color there is arbitrary and costs space."""
    with zipfile.ZipFile(archive) as file:
        if sorted(file.namelist()) != names:
            raise SystemExit(f"{archive} does not hold the files that emoji-labels.csv names.")
        images = np.stack([np.asarray(Image.open(io.BytesIO(file.read(name))).convert("RGBA")) for name in names])
    return images * (images[..., 3:] > 0)


def build_emoji(folder: Path) -> None:
    with (folder / "emoji-labels.csv").open(encoding="utf-8", newline="") as file:
        categories = {row["file"]: row["category"] for row in csv.DictReader(file)}
    names = sorted(categories)
    classes = sorted(set(categories.values()))
    checksums = {
        f"emoji-{style}": write_sheet(f"emoji-{style}", emoji_images(folder / f"emoji-{style}-64.zip", names))
        for style in ("google", "twitter")
    }
    labels = [classes.index(categories[name]) for name in names]
    write_table("emoji", side=64, classes=classes, names=names, labels=labels, checksums=checksums)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="folder", type=Path, required=True, help="folder with the original archives")
    folder = parser.parse_args().folder
    EMBEDDED.mkdir(parents=True, exist_ok=True)
    build_fashion(folder)
    build_emoji(folder)


if __name__ == "__main__":
    main()
