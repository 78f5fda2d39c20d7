"""Titles of homes to rent, reworded: what is expected of the rewordings beside the title as it is and the nearest title of a home that is
reviewed often; with all parts of the game and without some.

    python benchmarks/rewording.py listings.csv.gz [--texts 150000] [--judged 500] [--out FOLDER] [--parts all reconstruction]

The file has a column list_description (the title), rpm (reviews a month), neighbourhood_group (the borough) and room_type: the 48,895 New
York listings of 2019 in the repository qiushiyan/nyclodging on GitHub (not shipped with Sparring). One thread, float32. The judge rewords
held-out titles of the lowest third; the scorers that expect have seen neither them nor the training of the game. Numbers are looked for
once more by a rule of this file's own."""

import argparse
import json
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console

import sparring

COLUMNS: dict[str, Any] = {"text": "list_description", "score": "rpm", "within": ("neighbourhood_group", "room_type")}
PARTS: dict[str, dict[str, float]] = {
    "all": {},
    "reconstruction": {"reconstruction_samples": 10**9},
    "no adversary": {"adversarial": 0.0},
    "no reward": {"reward": 0.0},
    "no back-translation": {"back_translation": 0.0},
}
"""By name, settings with which parts of the game are left out."""


def numbers_of(text: str) -> Counter[str]:
    """All numbers in a text."""
    return Counter(re.findall(r"\d+", text))


def one(name: str, file: str, texts: int, judged: int, folder: Path) -> dict[str, Any]:
    run = folder / name.replace(" ", "-")
    began = time.process_time()
    if not run.exists():
        sparring.train(
            "reword", file, run, real_samples=texts, vocabulary=5000, threads=1, precision="float32", console=Console(quiet=True),
            **COLUMNS, **PARTS[name],
        )  # fmt: skip  # pyright: ignore[reportArgumentType]
    seconds, began = time.process_time() - began, time.process_time()
    judgment = sparring.judge_rewordings(sparring.load(run), samples=judged, out=folder / f"{run.name}-judged")
    per_text = (time.process_time() - began) / len(judgment.found)
    best = [(each.text, each.rewordings[0].text) for each in judgment.found if each.rewordings]
    kept = sum(numbers_of(text) == numbers_of(other) for text, other in best) / max(1, len(best))
    print(f"\n{name}: {seconds:.0f} CPU seconds of training, {per_text:.2f} a text judged; numbers kept in {kept:.1%} of {len(best)}")
    print("\n".join(judgment.lines()))
    return {"part": name, "seconds": seconds, "numbers_kept": kept, **judgment.to_json()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--texts", type=int, default=150_000, help="texts that are trained on, again and again")
    parser.add_argument("--judged", type=int, default=500, help="held-out titles that are reworded")
    parser.add_argument("--out", type=Path, default=Path("runs/rewording"), help="folder of runs; those that are there are judged again")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["all", "reconstruction"], help="what takes part in the game")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = [one(name, arguments.file, arguments.texts, arguments.judged, arguments.out) for name in arguments.parts]
    (arguments.out / "rewording.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
