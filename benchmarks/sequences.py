"""Texts: `lm` beside the GANs, over temperatures, each for so many minutes of the processor's time on one thread.

    python benchmarks/sequences.py oracle [--minutes 10] [--seeds 0 1 2] [--recipes lm relgan scratchgan seqgan] [--out FILE]
    python benchmarks/sequences.py quatrains ...
    python benchmarks/sequences.py titles --listings nyc-listings.csv.gz ...

oracle: SeqGAN's task. A random network made the data, so it says exactly how likely it finds what a model makes (quality, in nats a token),
and the model says how likely it finds what the network makes (of held-out sequences: what it has lost).
quatrains: Chinese verse of four lines of five characters: whether the form is kept, and the scores of `sparring judge`.
titles: titles of rooms to let (a table with a column `title`, or `name`).

Networks that are compared have equal sizes. GANs with a warm start by likelihood take two fifths of the time for it. Only the processor's
time of training counts. One line of JSON for each model and temperature; then a table."""

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sparring import recipes
from sparring.data.sequences.sequence_dataset import SequenceDataset, split_holdout, with_vocabulary
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.data.sequences.token_oracle import nats_by_oracle
from sparring.evaluation.text_scores import text_scores
from sparring.games.language_model import LanguageModelGame
from sparring.modalities.generated_sequences import generated_codes
from sparring.training.ema import EMA
from sparring.training.loop import TrainingContext, TurnRunner, take_step
from sparring.training.session import fabric_for, first_state, resolve
from sparring.training.settings import TrainSettings
from sparring.training.state import State

FIT_SHARE = 0.4
SHOWN = ("LM score", "reverse LM score", "BLEU-4", "self-BLEU-4", "JS distance of 2-grams", "distinct samples", "copies", "form kept")
TASKS: dict[str, dict[str, dict[str, Any]]] = {
    "oracle": {
        "every": {"embedding": 32, "hidden": 32, "learning_rate": 0.01, "ema_samples": 2000},
        "relgan": {"generator_learning_rate": 2e-3},
        "scratchgan": {"batch_size": 256},
        "seqgan": {"discriminator_steps": 2, "discriminator_fit_steps": 50, "rollouts": 1},
    },
    "quatrains": {
        "every": {"embedding": 96, "hidden": 256},
        "relgan": {"generator_learning_rate": 3e-4},
        "scratchgan": {"batch_size": 256},
        "seqgan": {"discriminator_steps": 2, "discriminator_fit_steps": 50, "rollouts": 1},
    },
}  # fmt: skip
TASKS["titles"] = TASKS["quatrains"]


@dataclass(frozen=True)
class Task:
    """Data that models are compared on."""

    name: str
    train: SequenceDataset
    held_out: SequenceDataset


def task_of(name: str, listings: Path | None, seed: int) -> Task:
    reading = SequencesReading()
    source: Any = name
    if name == "titles":
        source, reading = titles_of(listings), SequencesReading(notation="words", length=16, vocabulary=8000, lowercase=True)
    data = prepare_sequences(source, reading)[0]
    data = with_vocabulary(data, split_holdout(data, None, seed)[0])
    train, held_out = split_holdout(data, None, seed)
    return Task(name, train, held_out)


def titles_of(listings: Path | None) -> list[str]:
    import pandas as pd

    if listings is None:
        raise SystemExit("titles need --listings: a table with a column of titles.")
    frame = pd.read_csv(listings)
    column = next(name for name in ("title", "name", "list_description") if name in frame.columns)
    return [str(text).strip() for text in frame[column].dropna() if str(text).strip()]


def trained(recipe_name: str, task: Task, minutes: float, seed: int) -> tuple[LanguageModelGame, State, float]:
    """A model after so many minutes of the processor's time, its state, and the minutes that it took."""
    settings = {**TASKS[task.name]["every"], **TASKS[task.name].get(recipe_name, {})}
    recipe: Any = recipes.get(recipe_name)
    if "fit_steps" in recipe.__dataclass_fields__ and recipe_name != "scratchgan":
        steps = FIT_SHARE * minutes * 60 / seconds_of_a_step(task, TASKS[task.name]["every"])
        settings["fit_steps"] = max(1, int(steps))
    state, context, turns, ema = prepared(recipe(**settings), task, seed)
    began = time.process_time()
    while (used := time.process_time() - began) < 60 * minutes:
        take_step(state, context, turns, ema)
    game: Any = state.ema
    return game, state, used / 60


def prepared(recipe: Any, task: Task, seed: int) -> tuple[State, TrainingContext, list[TurnRunner], EMA]:  # noqa: ANN401
    state = first_state(recipe, lambda: recipe.build(task.train.spec), seed)
    resolved = resolve(TrainSettings(steps=1, threads=1, precision="float32", device="cpu", seed=seed))
    context = TrainingContext(task.train, recipe, resolved, fabric_for(resolved))
    torch.set_num_threads(1)
    return state, context, [TurnRunner(state.game, turn) for turn in state.game.turns], EMA(state, recipe.ema_samples)


def seconds_of_a_step(task: Task, settings: dict[str, Any]) -> float:
    """Of the processor's time, by likelihood."""
    recipe: Any = recipes.get("lm")
    everything = prepared(recipe(**settings), task, 0)
    take_step(*everything)
    began = time.process_time()
    for _ in range(10):
        take_step(*everything)
    return (time.process_time() - began) / 10


def measured(game: LanguageModelGame, task: Task, temperature: float, n: int) -> dict[str, float]:
    spec = task.train.spec
    codes = generated_codes(game, n, 1, temperature=temperature)
    tokens = [spec.tokens_of_codes(row) for row in codes]
    found: dict[str, float] = {}
    if task.name == "oracle":
        nats = nats_by_oracle(tokens)
        found["NLL by the oracle"] = float(np.nanmean(nats))
        found["of the right length"] = float((~np.isnan(nats)).mean())
    scores = text_scores(tokens, task.train.tokens(), task.held_out.tokens()[:n])
    found |= {name: scores[name].value for name in SHOWN if name in scores}
    if temperature == 1:
        held_out = torch.from_numpy(task.held_out.codes()[:1000])
        places = ((held_out != 0).sum(dim=1) + 1).clamp(max=spec.length).sum().item()
        found["NLL of held-out texts"] = float(-game.log_likelihood(held_out.float()).sum() / places)
    return found


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Means over the seeds, one row for each model and temperature."""
    names = sorted({name for line in lines for name in line["scores"]}, key=lambda name: ("NLL" not in name, name))
    rows = [" | ".join(["recipe", "temperature", *names])]
    for recipe, temperature in dict.fromkeys((line["recipe"], line["temperature"]) for line in lines):
        same = [line["scores"] for line in lines if (line["recipe"], line["temperature"]) == (recipe, temperature)]
        cells = [statistics.mean(each[name] for each in same) if name in same[0] else None for name in names]
        rows.append(" | ".join([recipe, str(temperature), *("" if cell is None else f"{cell:.3f}" for cell in cells)]))
    return "\n".join(f"| {row} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=list(TASKS))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipes", nargs="+", default=["lm", "relgan", "scratchgan", "seqgan"])
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0.7, 0.85, 1.0, 1.2])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--listings", type=Path)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    lines: list[dict[str, Any]] = []
    for seed in asked.seeds:
        task = task_of(asked.task, asked.listings, seed)
        half = min(asked.samples, len(task.held_out) // 2)
        real = text_scores(task.held_out.tokens()[half:][:half], task.train.tokens(), task.held_out.tokens()[:half])
        print(json.dumps({"held out against held out": {name: real[name].value for name in SHOWN if name in real}}), flush=True)
        for recipe in asked.recipes:
            game, state, used = trained(recipe, task, asked.minutes, seed)
            about = {"task": task.name, "recipe": recipe, "seed": seed, "minutes": round(used, 2), "steps": state.progress.step}
            for temperature in asked.temperatures:
                lines.append({**about, "temperature": temperature, "scores": measured(game, task, temperature, asked.samples)})
                print(json.dumps(lines[-1]), flush=True)
            print("\n".join(f"  {text!r}" for text in task.train.spec.texts_of(generated_codes(game, 6, 1))), flush=True)
            if asked.out is not None:
                asked.out.write_text("\n".join(map(json.dumps, lines)) + "\n")
    print(table(lines))


if __name__ == "__main__":
    main()
