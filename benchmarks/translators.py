"""How good translators become on the embedded emoji, Google's drawn in Twitter's style, at 64x64.

    python benchmarks/translators.py [--minutes 30] [--only NAME ...] [--out runs/benchmarks/translators.md] [--runs FOLDER]

Held-out subjects (all skin tones of one on the same side) are judged, beside the inputs as they are and with their colors shifted to the
targets' mean and spread: L1, PSNR, SSIM and the distance in lite0's features to the true twin, and where no pairs are learned from the
Fréchet distance of 1,700 translations to all targets. Rows are added to the table in --out as they come, with a sheet beside it: input |
output | target (and back)."""

import time
from pathlib import Path
from typing import Any

from rows import arguments, rows, say
from sparring import recipes
from sparring.data.pairs.pairs import Pairing, Pairs, open_pairs
from sparring.data.preprocessing import Preprocessing
from sparring.evaluation.judge_translations import judge_translations
from sparring.inference.model import Model
from sparring.media.image_files import save_image
from sparring.modalities.pairs import translation_grid

SIDE = 64
TWITTER = Pairing(target="emoji:twitter")
SMALL: dict[str, Any] = {"discriminator_width": 32, "patch_layers": 2, "ema_samples": 2000}
UNPAIRED: dict[str, Any] = {**SMALL, "width": 24, "blocks": 6, "batch_size": 2}
SHARP: dict[str, Any] = {
    **UNPAIRED, "blocks": 3, "batch_size": 4, "shortcut": True, "resized": True, "objective": "non-saturating", "r1": 0.001,
    "discriminator_norm": "none", "jitter": 0.0, "learning_rate": 5e-4, "betas": (0.0, 0.99),
}  # fmt: skip
"""What changes is drawn over what is there, against judges whose gradient is bounded: no grain."""
CONFIGURATIONS: dict[str, tuple[Pairing, dict[str, Any]]] = {
    "pix2pix": (TWITTER, {"recipe": "pix2pix", **SMALL, "width": 32, "batch_size": 4, "norm": "batch"}),
    "pix2pix-scribble": (Pairing(inputs="scribble"), {"recipe": "pix2pix", **SMALL, "width": 32, "batch_size": 4, "norm": "batch"}),
    "cyclegan": (TWITTER, {"recipe": "cyclegan", **UNPAIRED, "resized": True, "decay_from_samples": 8_000, "decay_until_samples": 17_000}),
    "cyclegan-shortcut": (
        TWITTER,
        {
            "recipe": "cyclegan",
            **SHARP,
            "cycle": 2.0,
            "identity": 0.0,
            "decay_from_samples": 40_000,
            "decay_until_samples": 90_000,
            "ema_samples": 3000,
        },
    ),
    "cut": (TWITTER, {"recipe": "cut", **UNPAIRED, "decay_from_samples": 100_000, "decay_until_samples": 200_000}),
}


def cells_for(pairs: Pairs, names: list[str]) -> Any:  # noqa: ANN401 (what `rows` takes)
    def cells(model: Model, image: Path) -> str:
        save_image(translation_grid(pairs, 16)(model.game), image)
        scores = judge_translations(model, pairs).scores
        return " | ".join(
            " / ".join(f"{scores[way][name]:.3g}" if name in scores[way] else "" for way in ("translations", "inputs", "colors shifted"))
            for name in names
        )

    return cells


def main() -> None:
    asked = arguments("runs/benchmarks/translators.md", 30, CONFIGURATIONS)
    names = ["L1", "PSNR", "SSIM", "distance-lite0", "FD-lite0"]
    columns = ["configuration", *names, "steps", "images/s", "minutes"]
    say(asked.out, f"\n{time.strftime('%Y-%m-%d %H:%M')}, {asked.minutes:g} minutes each. Translations / inputs / colors shifted.\n")
    say(asked.out, f"| {' | '.join(columns)} |\n{'|---' * len(columns)}|")
    for name in asked.only:
        pairing, settings = CONFIGURATIONS[name]
        pairs = open_pairs("emoji:google", pairing, Preprocessing(size=SIDE), recipes.get(settings["recipe"]).translates)  # pyright: ignore[reportAttributeAccessIssue]
        rows(asked, {name: settings}, pairs, cells_for(pairs, names))


if __name__ == "__main__":
    main()
