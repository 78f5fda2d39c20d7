"""Health records: medgan and medwgan beside tabular on the same matrix and a plain reading of medGAN's public code, in equal CPU seconds.

    python benchmarks/health.py compare [--data eunomia] [--systems medgan plain tabular medwgan] [--seconds 75] [--seeds 0 1 2 3 4]

Each seed holds out other patients. All systems train on the same ones with one thread, and as many patients are drawn from each as it was
trained on. Seconds are CPU seconds of the process, so that other programs do not count: how many steps these are is measured first. Of the
plain reading, batches are of 100 patients (a thousand are more than its discriminator's tenth of Eunomia)."""

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from torch import nn
from torch.nn.functional import binary_cross_entropy, binary_cross_entropy_with_logits

import sparring
from sparring.data.records.patient_records import PatientRecords, from_dense
from sparring.data.records.records_dataset import split_holdout
from sparring.data.records.records_reading import RecordsReading
from sparring.data.records.records_store import prepare_records
from sparring.data.records.write_records import matrix_table
from sparring.evaluation.judge_records import judge_records
from sparring.evaluation.records_judgment import RecordsJudgment
from sparring.inference.patients import draw_patients

PILOT = 60
"""Steps after the first phase from which the CPU seconds of a step are measured."""
QUIET = Console(quiet=True)
COMMON: dict[str, Any] = {"threads": 1, "device": "cpu", "console": QUIET, "checkpoint_minutes": 60.0, "log_every": 500}


def steps_for(recipe: str, data: Any, seconds: float, scratch: Path, before: int, **settings: Any) -> int:  # noqa: ANN401
    """How many steps take so many CPU seconds: those of the first phase (`before`) at their own pace, and the others at theirs."""

    def measured(steps: int) -> float:
        began = time.process_time()
        sparring.train(recipe, data, scratch / f"pilot-{recipe}-{steps}", steps=steps, **settings, **COMMON)
        return time.process_time() - began

    start = measured(1)
    first = measured(before + 1) - start if before else 0.0
    pace = (measured(before + PILOT) - start - first) / PILOT
    return before + max(PILOT, int((seconds - first) / pace))


def by_recipe(recipe: str, data: str, n: int, seed: int, run: Path, steps: int) -> PatientRecords:
    return draw_patients(sparring.train(recipe, data, run, seed=seed, steps=steps, **COMMON), n)


def by_tabular(frame: Any, n: int, seed: int, run: Path, steps: int, codes: tuple[str, ...]) -> PatientRecords:  # noqa: ANN401
    model = sparring.train("tabular", frame, run, seed=seed, steps=steps, holdout=0, **COMMON)
    table = model.rows(n)
    counts = np.stack([np.asarray(table.column(code)).astype(np.int32) for code in codes], axis=1)
    visits = np.asarray(table.column("visits")).astype(np.int32) if "visits" in table.column_names else None
    return from_dense(codes, counts, visits)


class PlainGenerator(nn.Module):
    """Two layers of 128 with batch norm and shortcuts."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(128, 128, bias=False) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm1d(128, momentum=0.01) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norms[0](self.layers[0](x))) + x
        return torch.tanh(self.norms[1](self.layers[1](x))) + x


def by_plain_medgan(real: PatientRecords, n: int, seed: int, seconds: float) -> tuple[PatientRecords, int]:
    """The paper's description, with what the public code does: after the first epoch, real patients of the discriminator come from the
    first tenth alone, and chances are rounded at one half. Weights are decayed by 0.001, as there. Visits are not modeled.
    """
    torch.manual_seed(seed)
    random, began = np.random.default_rng(seed), time.process_time()
    x = torch.from_numpy(real.present().astype(np.float32))
    width, count = x.shape[1], len(x)
    encoder, decoder = nn.Sequential(nn.Linear(width, 128), nn.Tanh()), nn.Sequential(nn.Linear(128, width), nn.Sigmoid())
    generator = PlainGenerator()
    discriminator = nn.Sequential(nn.Linear(2 * width, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 1))
    autoencode = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, weight_decay=1e-3)
    generate = torch.optim.Adam([*generator.parameters(), *decoder.parameters()], 1e-3, weight_decay=1e-3)
    discriminate = torch.optim.Adam(discriminator.parameters(), 1e-3, weight_decay=1e-3)
    for _ in range(100):
        for rows in torch.from_numpy(random.permutation(count)).split(100):
            loss = binary_cross_entropy(decoder(encoder(x[rows])).clamp(1e-7, 1 - 1e-7), x[rows], reduction="none").sum(dim=1).mean()
            autoencode.zero_grad()
            loss.backward()
            autoencode.step()

    def logits(records: torch.Tensor) -> torch.Tensor:
        return discriminator(torch.cat([records, records.mean(dim=0, keepdim=True).expand_as(records)], dim=1))

    known, steps, per_epoch = count, 0, math.ceil(count / 100)
    while time.process_time() - began < seconds:
        for _ in range(2):
            shown = x[torch.from_numpy(random.choice(known, 100, replace=False))]
            with torch.no_grad():
                made = decoder(generator(torch.randn(100, 128)))
            of_real, of_made = logits(shown), logits(made)
            loss = binary_cross_entropy_with_logits(of_real, torch.ones_like(of_real))
            loss = loss + binary_cross_entropy_with_logits(of_made, torch.zeros_like(of_made))
            discriminate.zero_grad()
            loss.backward()
            discriminate.step()
        of_made = logits(decoder(generator(torch.randn(100, 128))))
        loss = binary_cross_entropy_with_logits(of_made, torch.ones_like(of_made))
        generate.zero_grad()
        loss.backward()
        generate.step()
        steps += 1
        if steps == per_epoch:
            known = count // 10
    generator.eval()
    with torch.no_grad():
        made = decoder(generator(torch.randn(n, 128))).numpy()
    return from_dense(real.codes, (made > 0.5).astype(np.int32), None), steps


def drawn(asked: argparse.Namespace, scratch: Path) -> Iterator[tuple[str, int, int, float, RecordsJudgment]]:
    """By system and seed: steps, CPU seconds of training and drawing, and the judgment."""
    dataset, _ = prepare_records(asked.data, RecordsReading())
    planned: dict[str, int] = {}
    for system in asked.systems:
        for seed in asked.seeds[: asked.most if system not in {"medgan", "plain"} else None]:
            trained_on, unseen = split_holdout(dataset, None, seed)
            real, n = trained_on.records(), len(trained_on)
            frame: Any = matrix_table(real, counted=False)
            if system not in planned and system != "plain":
                before = 0 if system == "tabular" else sparring.recipes.get(system)().autoencoder_steps  # pyright: ignore[reportAttributeAccessIssue]
                data = frame if system == "tabular" else asked.data
                planned[system] = steps_for(system, data, asked.seconds, scratch, before)
            began = time.process_time()
            if system == "plain":
                made, steps = by_plain_medgan(real, n, seed, asked.seconds)
            else:
                steps, run = planned[system], scratch / f"{system}-{seed}"
                made = (
                    by_tabular(frame, n, seed, run, steps, real.codes)
                    if system == "tabular"
                    else by_recipe(system, asked.data, n, seed, run, steps)
                )
            used = time.process_time() - began
            yield system, seed, steps, used, judge_records(real, made, unseen.records(), seed=seed)


def compare(asked: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Scores of every system, medians over seeds, with the floor and the ceiling."""
    found: dict[str, list[dict[str, float]]] = {"floor": [], "ceiling": []}
    for system, seed, steps, used, judgment in drawn(asked, scratch):
        every = judgment.everybody
        line = {score.name: score.yours.value for score in judgment.scores}
        line |= {"all: correlation": every.correlation, "all: error": every.error, "all: lost": len(every.lost)}
        if judgment.privacy is not None:
            line |= {attack.name: attack.auc.value for attack in judgment.privacy.attacks}
            line |= {"disclosure": judgment.privacy.disclosure.leak, "copies": judgment.privacy.copies}
        found.setdefault(system, []).append(line)
        if system == asked.systems[0]:
            for side in ("floor", "ceiling"):
                found[side].append({score.name: getattr(score, side).value for score in judgment.scores})
        print(
            json.dumps({"system": system, "seed": seed, "steps": steps, "cpu seconds": round(used, 1), **line}, default=float), flush=True
        )
    names = list(dict.fromkeys(name for lines in found.values() for line in lines for name in line))
    print(f"\n| score | {' | '.join(found)} |\n|{'---|' * (1 + len(found))}")
    for name in names:
        cells = []
        for lines in found.values():
            values = [line[name] for line in lines if name in line]
            cells.append(f"{statistics.median(values):.4f} ({min(values):.4f} to {max(values):.4f})" if values else "-")
        print(f"| {name} | {' | '.join(cells)} |")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["compare"])
    parser.add_argument("--data", default="eunomia")
    parser.add_argument("--systems", nargs="+", default=["medgan", "plain", "tabular", "medwgan"])
    parser.add_argument("--seconds", type=float, default=75.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--most", type=int, default=None, help="Seeds of systems other than medgan and plain. Default: all.")
    parser.add_argument("--out", type=Path, default=None, help="A JSON file to write all scores into.")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        found = compare(asked, Path(scratch))
    if asked.out is not None:
        asked.out.write_text(json.dumps(found, default=float, indent=1))


if __name__ == "__main__":
    main()
