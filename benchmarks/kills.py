"""Kill training at random moments and resume it: does it end as if never interrupted?

    python benchmarks/kills.py [--kills 30] [--seed 0] [--steps 2000] [--recipe dcgan] [--data fashion10k]

One run of `sparring train` goes to its end in peace. Another with the same settings gets `kill -9` after a random
time, is resumed, is killed again, and so on, until all kills are done; then it goes on to its end. Half of the kills
wait for a checkpoint in the making. Times are drawn from this machine's start-up and speed, and no sitting is let live
beyond its share of the steps that are left. Should the run end before all kills are done, that is a failure.
At the end every tensor of the last checkpoint, every byte of log.jsonl and every sample grid must be equal."""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from sparring.runs.run_directory import RunDirectory
from sparring.training import checkpoints

SETTINGS = ["--log-every", "2", "--samples", "4", "--checkpoint-every", "3", "--sample-every", "50"]
SMALL = {
    "dcgan": ["--width", "8", "--batch-size", "16"],
    "vae": ["--width", "8", "--latent-size", "4", "--batch-size", "16"],
    "glow": ["--width", "8", "--levels", "2", "--steps-per-level", "1", "--batch-size", "16"],
    "pixelcnn": ["--width", "4", "--layers", "1", "--batch-size", "16", "--size", "8"],
    "bigan": ["--width", "8", "--hidden", "16", "--batch-size", "16"],
    "vaegan": ["--width", "8", "--latent-size", "4", "--batch-size", "16"],
    "flowgan": ["--width", "8", "--flow-width", "4", "--blocks", "1", "--levels", "2", "--batch-size", "16"],
    "tabular": ["--batch-size", "40", "--generator-hidden", "16", "--discriminator-hidden", "16", "--layers", "1"],
    "tabular-ar": ["--batch-size", "40", "--hidden", "8", "--embedding", "4", "--bins", "8"],
    "ctgan": ["--batch-size", "40", "--generator-hidden", "16", "--discriminator-hidden", "16"],
    "tvae": ["--batch-size", "40", "--hidden", "16"],
}
SERIES = ["--id", "symbol", "--returns", "--window", "24", "--batch-size", "16"]
SMALL |= {
    "quantgan": [*SERIES, "--hidden", "8", "--discriminator-hidden", "8"],
    "cgan-series": [*SERIES, "--past", "12", "--hidden", "8", "--discriminator-hidden", "8"],
    "timegan": [*SERIES, "--hidden", "8", "--layers", "1", "--embedding-steps", "10", "--supervised-steps", "10"],
    "doppelganger": [*SERIES, "--hidden", "8", "--attribute-hidden", "8", "--discriminator-hidden", "8", "--discriminator-layers", "2"],
    "timevae": [*SERIES, "--channels", "4", "8"],
}
RECORDS = ["--batch-size", "32", "--latent-size", "16", "--discriminator-hidden", "32", "--autoencoder-steps", "10"]
SMALL |= {"medgan": RECORDS, "medwgan": RECORDS}
SMALL["fraudgan"] = ["--target", "fraud", "--time", "when", "--batch-size", "40", "--hidden", "16", "--discriminator-hidden", "16"]
ORDERS = ["--customer", "bikeshop_name", "--product", "model", "--price", "price", "--group", "category_2"]
SMALL["ecgan"] = [*ORDERS, "--batch-size", "16", "--embedding-steps", "200", "--generator-hidden", "16", "--discriminator-hidden", "16"]
TEXTS = ["--batch-size", "16", "--embedding", "6", "--hidden", "8"]
SEEN = ["--discriminator-embedding", "8", "--fit-steps", "10"]
SMALL |= {
    "lm": TEXTS,
    "relgan": [*TEXTS, *SEEN, "--representations", "2", "--filters", "4", "--discriminator-fit-steps", "5"],
    "seqgan": [*TEXTS, *SEEN, "--filters", "4", "--discriminator-fit-steps", "5", "--rollouts", "2"],
    "scratchgan": [*TEXTS, "--discriminator-embedding", "8", "--discriminator-hidden", "8"],
    "reword": ["--text", "title", "--score", "bookings", "--within", "kind", "--embedding", "12", "--hidden", "32", "--batch-size", "16"],
}
MOLECULES = ["--batch-size", "16", "--notation"]
SMALL |= {
    "latentgan": [*MOLECULES, "smiles", "--code-size", "6", "--decoder-hidden", "8", "--autoencoder-steps", "10"],
    "molgan": [*MOLECULES, "graph", "--convolutions", "6", "5", "--graph-features", "7"],
    "organ": [*MOLECULES, "smiles", *TEXTS[2:], *SEEN, "--filters", "2", "--discriminator-fit-steps", "5"],
}
MUSIC = ["--bars", "2", "--batch-size", "4"]
SMALL |= {
    "musegan": [*MUSIC, "--width", "4", "--latent-size", "2", "--fit-steps", "2", "--discriminator-fit-steps", "1"],
    "midinet": [*MUSIC, "--width", "4", "--latent-size", "2", "--fit-steps", "2", "--discriminator-fit-steps", "1", "--melody", "soprano"],
    "music-lm": [*MUSIC, "--embedding", "3", "--hidden", "8", "--head", "8"],
}
"""By recipe, settings of small networks. (Of series: on `--data stocks`; of health records: on `--data eunomia`; of orders: on `--data
bikes`; of fraudgan and reword: on a table with these columns; of texts: on `--data quatrains`; of molecules: on `--data fragments9`; of
music: on `--data chorales`.)"""
PATIENCE = 60
"""Seconds that an aimed kill waits for a checkpoint in the making."""


def sparring(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "sparring", *map(str, arguments)], stdout=subprocess.DEVNULL)


def last_step(run: RunDirectory) -> int | None:
    return max(checkpoints.steps(run.checkpoints), default=None)


def half_written(run: RunDirectory) -> set[Path]:
    return set(run.checkpoints.glob(".*.tmp"))


def wait(process: subprocess.Popen[bytes], run: RunDirectory, seconds: float, limit: int, aimed: bool) -> None:
    """Until it is time to kill, or step `limit` has a checkpoint, or the process has ended."""
    due, stale = time.monotonic() + seconds, half_written(run)
    while process.poll() is None and time.monotonic() < due and (last_step(run) or 0) < limit:
        time.sleep(0.002)
    give_up = time.monotonic() + PATIENCE
    while aimed and process.poll() is None and time.monotonic() < give_up and half_written(run) <= stale:
        time.sleep(0.0002)


def end_of(run: RunDirectory) -> tuple[dict[str, torch.Tensor], bytes, dict[str, bytes]]:
    """Tensors of the last checkpoint, log and sample grids."""
    step = last_step(run)
    assert step is not None
    images = {path.name: path.read_bytes() for path in run.samples.glob("*.png")}
    return checkpoints.read(run.checkpoints, step)[0], run.log.read_bytes(), images


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--recipe", choices=SMALL, default="dcgan")
    parser.add_argument("--data", default="fashion10k")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        peace, war = RunDirectory(Path(folder) / "peace"), RunDirectory(Path(folder) / "war")
        train = ["train", arguments.recipe, "--data", arguments.data, "--steps", arguments.steps, *SETTINGS, *SMALL[arguments.recipe]]
        began = time.monotonic()
        assert sparring(*train, "--out", peace.path).wait() == 0
        playing = checkpoints.read_facts(peace.checkpoints, arguments.steps)["progress"]["seconds"]
        start_up = time.monotonic() - began - playing
        longest = start_up + 1.5 * playing / max(1, arguments.kills)
        print(f"In peace: {start_up:.1f} s to start and end, {playing:.1f} s of play. Kills come after 0 to {longest:.1f} s.", flush=True)
        kills = in_writing = early = 0
        at = []
        while True:
            stale = half_written(war)
            process = sparring("resume", war.path) if war.exists() else sparring(*train, "--out", war.path)
            if kills < arguments.kills:
                reached = last_step(war) or 0
                limit = reached + (arguments.steps - reached) // (arguments.kills - kills + 1)
                wait(process, war, chance.uniform(0, longest), limit, aimed=chance.random() < 0.5)
                process.kill()
            code = process.wait()
            if code == 0:
                break
            assert code == -9, f"exit status {code}"
            kills += 1
            in_writing += not half_written(war) <= stale
            early += last_step(war) is None
            at.append(last_step(war) or 0)
        (tensors, log, images), (war_tensors, war_log, war_pictures) = end_of(peace), end_of(war)
    print(f"{kills} kills: {in_writing} while a checkpoint was being written, {early} before the first; at steps {at}")
    assert kills == arguments.kills, f"the run was over after {kills} kills: give it more --steps"
    assert tensors.keys() == war_tensors.keys()
    different = [name for name, tensor in tensors.items() if not torch.equal(tensor, war_tensors[name])]
    print(f"{len(tensors)} tensors of step {arguments.steps}: {len(different)} differ.")
    print(f"Logs: {'equal' if log == war_log else 'DIFFERENT'}.")
    print(f"{len(images)} sample grids: {'equal' if images == war_pictures else 'DIFFERENT'}.")
    sys.exit(bool(different) or log != war_log or images != war_pictures)


if __name__ == "__main__":
    main()
