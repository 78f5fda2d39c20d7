"""Build src/sparring/data/sequences/bundled_files/quatrains.txt.xz: python tools/build_quatrains.py --from DIR

DIR is the npm package chinese-poetry 2.0.1, unpacked (it holds dist/quantangshi/poet.*.json). Kept are poems of four lines of five
characters each, every one once, whose characters all come five times or more in such poems. The same package gives the same bytes.
"""

import argparse
import json
import lzma
import re
from collections import Counter
from pathlib import Path

BUNDLED = Path(__file__).resolve().parent.parent / "src/sparring/data/sequences/bundled_files"
LINES, CHARACTERS, FEWEST = 4, 5, 5
PUNCTUATION = re.compile("[\uff0c\u3002\uff01\uff1f\uff1b]")
MISSING = set("\u25a1\u25cf")
"""Stand for characters that are lost."""


def quatrains_of(folder: Path) -> list[str]:
    """The poems, one line of five characters under the other."""
    poems = set()
    for file in sorted((folder / "dist/quantangshi").glob("poet.*.json")):
        for poem in json.loads(file.read_text("utf-8")):
            lines = [line for line in PUNCTUATION.split("".join(poem["paragraphs"])) if line]
            if len(lines) == LINES and all(len(line) == CHARACTERS for line in lines) and not MISSING & set("".join(lines)):
                poems.add("\n".join(lines))
    counts = Counter("".join(poems))
    return sorted(poem for poem in poems if all(counts[each] >= FEWEST for each in poem if each != "\n"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, required=True)
    poems = quatrains_of(parser.parse_args().folder)
    content = "\n\n".join(poems).encode() + b"\n"
    BUNDLED.mkdir(exist_ok=True)
    packed = lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)
    (BUNDLED / "quatrains.txt.xz").write_bytes(packed)
    print(f"quatrains.txt.xz: {len(poems):,} poems, {len(packed) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
