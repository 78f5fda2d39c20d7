"""Mode collapse on points with a known density: recipes x data x seeds.

    python benchmarks/modes.py [--seeds 5] [--jobs 2] [--only NAME ...] [--data ring8 grid25] [--out runs/benchmarks/modes.md]

Every game is played in the playground on one thread, `--jobs` at a time; 2,500 samples of the moving average are counted. A row
gives in how many of the seeds all modes were covered, and mean and standard deviation over the seeds of modes, of the share of
high-quality samples (within 3 deviations of a mode) and of the divergence (nats) of modes from their true shares."""

import argparse
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

BEST: dict[str, Any] = {
    "recipe": "gan", "objective": "relativistic", "r1": 0.1, "r2": 0.1, "betas": (0.0, 0.99), "latent_size": 2, "linear_decay": True,
    "ema_samples": 35_000,
}  # fmt: skip
CONFIGURATIONS: dict[str, dict[str, dict[str, Any]]] = {
    "ring8": {
        "gan": {"recipe": "gan", "steps": 5000},
        "lsgan": {"recipe": "lsgan", "steps": 5000},
        "wgan": {"recipe": "wgan", "steps": 5000},
        "sngan": {"recipe": "sngan", "steps": 5000},
        "pacgan": {"recipe": "pacgan", "steps": 5000},
        "gan+r1": {"recipe": "gan", "r1": 0.1, "betas": (0.0, 0.99), "linear_decay": True, "steps": 8000},
        "wgan-gp": {"recipe": "wgan-gp", "learning_rate": 1e-3, "linear_decay": True, "steps": 3000},
        "unrolled": {"recipe": "unrolled", "hidden": (128, 128), "linear_decay": True, "steps": 3000},
        "best": {**BEST, "steps": 8000},
    },
    "grid25": {
        "gan": {"recipe": "gan", "steps": 5000},
        "best": {**BEST, "steps": 12_000},
    },
    **{curve: {"gan": {"recipe": "gan", "steps": 5000}, "best": {**BEST, "steps": 8000}} for curve in ("moons", "spiral", "swissroll")},
}


def played(data: str, name: str, seed: int) -> tuple[int, int, float, float, float]:
    import sparring

    settings = dict(CONFIGURATIONS[data][name])
    outcome = sparring.playground(settings.pop("recipe"), data, seed=seed, **settings)
    count = outcome.count
    return count.modes, count.of, count.high_quality, count.kl, outcome.seconds


def spread(values: list[float], scale: float = 1, digits: int = 1) -> str:
    return f"{scale * statistics.mean(values):.{digits}f} ± {scale * statistics.pstdev(values):.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--data", nargs="+", choices=CONFIGURATIONS, default=list(CONFIGURATIONS))
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/modes.md"))
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)

    def say(line: str) -> None:
        print(line, flush=True)
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    say(f"\n{time.strftime('%Y-%m-%d %H:%M')}, {arguments.seeds} seeds\n")
    say("| data | recipe | steps | all modes | modes | high quality, % | divergence | seconds |\n|---|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor(arguments.jobs) as pool:
        asked = [
            (data, name, [pool.submit(played, data, name, seed) for seed in range(arguments.seeds)])
            for data in arguments.data
            for name in CONFIGURATIONS[data]
            if arguments.only is None or name in arguments.only
        ]
        for data, name, games in asked:
            modes, of, quality, divergence, seconds = (list(each) for each in zip(*(game.result() for game in games), strict=True))
            whole = sum(found == all_ for found, all_ in zip(modes, of, strict=True))
            found = (
                f"{spread(modes)} of {of[0]} | {spread(quality, 100)} | {spread(divergence, digits=3)} | {statistics.median(seconds):.0f}"
            )
            say(f"| {data} | {name} | {CONFIGURATIONS[data][name]['steps']:,} | {whole} of {len(games)} | {found} |")


if __name__ == "__main__":
    main()
