"""`sparring diagnose`: what is read, how the verdict is put, and the page. What is found is tested with the rules."""

import base64
import io
import json
import math
import shlex
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sparring
from sparring.cli import exit_codes, main
from sparring.core.chart_scales import decades, format_number, ticks
from sparring.core.errors import CheckpointError, DataError, SettingsError
from sparring.health.diagnosis.charts import chart
from sparring.health.diagnosis.diagnose import measure_pixels
from sparring.health.diagnosis.finding import Finding, Remedy, Severity
from sparring.health.diagnosis.readers.losses import read_losses
from sparring.health.diagnosis.readers.sample_sheets import read_sample_sheets
from sparring.health.diagnosis.report import HTML, JSON, html, write
from sparring.health.diagnosis.training_record import Curve, Record, read_run
from sparring.health.diagnosis.verdict import Verdict, certainty, since
from sparring.health.signals import (
    DISCRIMINATOR_LOSS,
    DIVERSITY,
    GENERATOR_GRADIENT,
    GENERATOR_LOSS,
    LOGITS_OF_GENERATED,
    LOGITS_OF_REAL,
    PROJECTION,
    RELATIVE_UPDATES,
    SHEET_CHECKERBOARD,
    SHEET_MOVEMENT,
    SHEET_NOISE,
    SHEET_RETURN,
    SHEET_SATURATION,
    SHEET_SPREAD,
    declared,
)
from sparring.media.image_files import grid, save_image
from sparring.runs.config import read_config, usual_settings, write_config
from sparring.runs.run_directory import RunDirectory

USUAL = usual_settings("dcgan", "images")
SPEC = {"kind": "images", "height": 32, "width": 32, "channels": 1, "classes": []}
DATA = {
    "count": 9000, "holdout": 128, "shape": [1, 32, 32], "minimum": -1.0, "maximum": 1.0, "mean": 0.1, "standard_deviation": 0.5,
    "pairwise_distance": 0.7, "nearest_other": 0.3,
    "near_duplicates": 0.0, "saturation": 0.2, "measured": 2048, "checkerboard": 0.001, "classes": [0.4, 0.6],
    "label_agreement": 0.9, "label_agreement/by_chance": 0.52,
}  # fmt: skip
CHANGE = "--objective relativistic --r1 0.05 --betas 0.0 0.99"
PANELS = [
    "AUC, real against generated",
    "AUC, held-out against generated",
    "diversity",
    "coverage",
    "loss of the discriminator",
    "loss of the generator",
]


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main([str(argument) for argument in arguments])
    return ended.value.code or 0


def finding(name: str = "mode collapse", severity: Severity = "severe", confidence: float = 0.92, began: int | None = 300) -> Finding:
    curves = {"diversity": series([0.5, 0.4, 0.1, 0.1]), "gradient": series([1e5, 10, math.inf, 0.1])}
    remedies = (
        Remedy(action="Play another game.", settings={"objective": "relativistic", "r1": 0.05, "betas": (0.0, 0.99)}),
        Remedy(action="Sleep <over> it."),
    )
    summary, evidence = "It draws <one> image.", ("Diversity is 0.1.", "It was 0.5.")
    return Finding(
        name=name,
        summary=summary,
        evidence=evidence,
        severity=severity,
        confidence=confidence,
        since=began,
        curves=curves,
        remedies=remedies,
    )


def series(values: list[float], every: int = 100) -> Curve:
    return Curve(np.arange(1, len(values) + 1) * every, np.array(values, np.float64))


def measurements(count: int) -> list[dict[str, Any]]:
    signs = {
        "auc/real_vs_generated": 0.8,
        "auc/holdout_vs_generated": 0.75,
        "relative_updates": {"generator.a": 0.01, "discriminator.a": 0.02},
        "projection": [0.0, 1.0],
    }
    return [{"step": 100 * n, "real_samples": 0, "diversity": 0.5 + 0.01 * n, "coverage": 0.5, **signs} for n in range(1, count + 1)]


def log(count: int) -> list[dict[str, Any]]:
    return [
        {
            "step": 50 * n,
            "real_samples": 0,
            "loss/generator/adversarial": 1.0 + n,
            "loss/discriminator/real": 0.5,
            "loss/discriminator/generated": 0.25,
        }
        for n in range(1, count + 1)
    ]


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """Makes a run directory by hand."""

    def make(recipe: str = "dcgan", lines: int = 16, measured: int = 8, about: dict[str, Any] | None = None, **settings: object) -> Path:
        run = RunDirectory(tmp_path / "run")
        recorded = json.loads(json.dumps(usual_settings(recipe, (about or {}).get("spec", {}).get("kind", "images")))) | settings
        write_config(
            run,
            {
                "recipe": recipe,
                "recipe_settings": recorded,
                "train_settings": {"real_samples": None, "steps": 800, "minutes": None},
                "data": {
                    "source": "/my images",
                    "spec": SPEC,
                    "preprocessing": {"size": 32, "crop": "pad"},
                    "pairing": None,
                    **(about or {}),
                },
            },
        )
        run.log.write_text("".join(json.dumps(line) + "\n" for line in log(lines)))
        if measured:
            run.health.write_text("".join(json.dumps(line) + "\n" for line in [{"step": 0, "data": DATA}, *measurements(measured)]))
        for step in (0, 200, 400, 800):
            save_image(np.full((8, 8, 1), step // 4, np.uint8), run.samples / f"step-{step:09d}.png")
        return run.path

    return make


# ---------------------------------------------------------------------------------------------- records


def test_a_run_is_read(made: Callable[..., Path]) -> None:
    record = read_run(RunDirectory(made(learning_rate=0.01)), USUAL)
    assert (record.kind, record.recipe, record.last_step) == ("run", "dcgan", 800)
    assert record.signal(DISCRIMINATOR_LOSS).values.tolist() == [0.75] * 16
    assert record.signal(GENERATOR_LOSS).values[-1] == 17
    assert record.signal(DIVERSITY).steps.tolist() == [100, 200, 300, 400, 500, 600, 700, 800]
    assert record.vectors(PROJECTION)[1].shape == (8, 2)
    assert record.per_weight(RELATIVE_UPDATES, "generator.")[0] == (100, {"generator.a": 0.01})
    assert record.data["count"] == 9000
    assert [step for step, _ in record.sheets] == [0, 200, 400, 800]
    assert (record.settings["learning_rate"], record.defaults["learning_rate"]) == (0.01, 0.0002)


def test_a_torn_last_line_is_left_and_numbers_that_are_none_are_kept(made: Callable[..., Path]) -> None:
    run = RunDirectory(made())
    with run.log.open("a") as file:
        file.write('{"step": 850, "loss/generator/adversarial": NaN, "gradient/generator": Infinity}\n{"step": 900, "loss/gen')
    with run.health.open("a") as file:
        file.write('{"step": 900, "div')
    record = read_run(run)
    assert record.last_step == 850
    assert math.isnan(record.signal(GENERATOR_LOSS).values[-1])
    assert record.signal(GENERATOR_GRADIENT).values.tolist() == [math.inf]
    assert len(record.measurements) == 8
    with run.log.open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match=r"log\.jsonl is damaged"):
        read_run(run)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("step,d_loss,g_loss\n10,0.5,1\n20,0.25,2\n", [10, 20]),
        ("Epoch;D_Loss;G_Loss\n1;0.5;1\n2;0.25;2\n", [1, 2]),
        ("\ufeffiter\tloss_D\tloss_G\tlr\n5\t0.5\t1\t1e-4\n6\t0.25\t2\t1e-4\n", [5, 6]),
        ("critic,generator\n0.5,1\n0.25,2\n", [0, 1]),
        ('{"step": 7, "losses": {"d": 0.5, "g": 1}}\n{"step": 9, "losses": {"d": 0.25, "g": 2}}\n{"step": 11, "lo', [7, 9]),
        ('[{"iteration": 3, "d_loss": 0.5, "g_loss": 1, "at": "noon"}, {"iteration": 4, "d_loss": 0.25, "g_loss": 2}]', [3, 4]),
        (  # as StyleGAN2-ADA and StyleGAN3 write it
            '{"Progress/tick": {"num": 1, "mean": 0.0, "std": 0.0}, "Progress/kimg": {"num": 1, "mean": 0.032, "std": 0.0}, '
            '"Loss/G/loss": {"num": 8, "mean": 1, "std": 0.1}, "Loss/scores/real": {"num": 8, "mean": 3, "std": 1}, '
            '"Loss/D/loss": {"num": 8, "mean": 0.5, "std": 0.2}, "timestamp": 1700000000.5}\n'
            '{"Progress/tick": {"mean": 1.0}, "Loss/G/loss": {"mean": 2}, "Loss/D/loss": {"mean": 0.25}, "timestamp": 1700000001.5}\n',
            [0, 1],
        ),
        (  # as pix2pix writes it
            "================ Training Loss (Tue Nov 24) ================\n"
            "(epoch: 1, iters: 100, time: 0.105, data: 0.2) G_GAN: 1 G_L1: 20.5 D_real: 0.25 D_fake: 0.25 \n"
            "(epoch: 1, iters: 200, time: 0.105, data: 0.2) G_GAN: 2 G_L1: 19.5 D_real: 0.125 D_fake: 0.125 \n",
            [0, 1],
        ),
        (  # and CycleGAN
            "================ Training Loss (Tue Nov 24) ================\n"
            "(epoch: 1, iters: 100, time: 0.1) D_A: 0.25 G_A: 0.75 cycle_A: 2.1 idt_A: 0.9 D_B: 0.25 G_B: 0.25 cycle_B: 2 idt_B: 1 \n"
            "(epoch: 2, iters: 100, time: 0.1) D_A: 0.125 G_A: 1 cycle_A: 2.1 idt_A: 0.9 D_B: 0.125 G_B: 1 cycle_B: 2 idt_B: 1 \n",
            [1, 2],
        ),
        ("[Epoch 0/9] [Batch 1/7] [D loss: 0.5] [G loss: 1]\n[Epoch 0/9] [Batch 2/7] [D loss: 0.25] [G loss: 2]\n", [0, 1]),
        ("[0/5][0/1583]\tLoss_D: 0.5\tLoss_G: 1\tD(x): 0.5\n[0/5][50/1583]\tLoss_D: 0.25\tLoss_G: 2\tD(x): 0.5\n", [0, 1]),
        ("12:01 step=3, d_loss=0.5, g_loss=1, lr=1e-4\n12:02 step=4, d_loss=0.25, g_loss=2, lr=1e-4\n", [3, 4]),
        ('step,d_loss,g_loss,note\n1,0.5,1,"lr: 0.1 beta: 0.5 bs: 4"\n2,0.25,2,"lr: 0.1 d_loss: 9 g_loss: 9"\n', [1, 2]),
        ('{"d_loss": [0.5, 0.25], "g_loss": [1, 2]}', [0, 1]),
        ('{"step": 1, "d_loss": 0.5, "g_loss": 1}\n{"step": 2, "d_loss": 0.25, "g_loss": 2}', [1, 2]),
        ('{"losses": {"mean": 0.75, "d": "0.5", "g": 1}}\n{"losses": {"mean": 1, "d": "0.25", "g": 2}}\n', [0, 1]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_losses_of_other_programs(tmp_path: Path, text: str, steps: list[int], encoding: str) -> None:
    path = tmp_path / "losses.csv"
    path.write_text(text.lstrip("\ufeff") if encoding == "utf-16" else text, encoding=encoding)
    record = read_losses(path)
    assert record.kind == "losses"
    assert record.signal(DISCRIMINATOR_LOSS).values.tolist() == [0.5, 0.25]
    assert record.signal(GENERATOR_LOSS).values.tolist() == [1, 2]
    assert record.signal(GENERATOR_LOSS).steps.tolist() == steps


def test_losses_with_gaps_and_without_a_column(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("step,d_loss,g_loss\n1,0.5,nan\n2,,oops\n,1,1\n3,0.25,inf\n4,0.2,-\n")
    record = read_losses(path)
    assert record.signal(DISCRIMINATOR_LOSS).steps.tolist() == [1, 3, 4]
    assert record.signal(DISCRIMINATOR_LOSS).values.tolist() == [0.5, 0.25, 0.2]
    assert np.array_equal(record.signal(GENERATOR_LOSS).values, [math.nan, math.inf], equal_nan=True)
    assert record.data_config["notes"] == (
        "1 of its rows have no step and are ignored.",
        "1 of its cells are not numbers and are ignored (g_loss: 'oops').",
    )
    path.write_text("step,d_loss,accuracy\n1,2,3\n")
    with pytest.raises(DataError, match=r"has none of the generator; its columns are: step, d_loss, accuracy. Rename them"):
        read_losses(path)
    for text in ("d_loss,g_loss\n", "d_loss,g_loss\nlow,high\n"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"no numbers in its columns of losses \(d_loss, g_loss\)"):
            read_losses(path)
    path.write_text("")
    with pytest.raises(DataError, match="its columns are: none"):
        read_losses(path)
    for text in ('{"d_loss": 1}\n{"g_loss" 2}\n{"g_loss": 2}\n', '{"d_loss": [1, 2], "g_loss": [1]}'):
        path.write_text(text)
        with pytest.raises(DataError, match="begins like JSON, and is damaged"):
            read_losses(path)
    for text in ("{}", "[]", "[[1, 2], [3, 4]]"):
        path.write_text(text)
        with pytest.raises(DataError, match="its columns are: none"):
            read_losses(path)
    path.write_bytes("Verlust für d_loss,d_loss,g_loss\n1,2,3\n".encode("latin-1"))
    assert read_losses(path).signal(GENERATOR_LOSS).values.tolist() == [3]


@pytest.mark.parametrize(
    ("heading", "critic"),
    [
        ("Generator Loss,Discriminator Loss", False),
        ("gen_loss,disc_loss", False),
        ("errG,errD", False),
        ("loss/G,loss/D", False),
        ("train/g_loss,train/d_loss", False),
        ("lossGenerator,lossCritic", True),
        ("g loss,loss_critic", True),
    ],
)
def test_columns_are_known_by_many_names(tmp_path: Path, heading: str, critic: bool) -> None:
    path = tmp_path / "losses.csv"
    path.write_text(f"epoch,{heading},lr,grad_g,fid\n1,0.5,1,3,4,5\n2,0.25,2,3,4,5\n")
    record = read_losses(path)
    assert record.signal(GENERATOR_LOSS).values.tolist() == [0.5, 0.25]
    assert record.signal(DISCRIMINATOR_LOSS).values.tolist() == [1, 2]
    assert set(record.log) == {"loss/generator", "loss/discriminator"}
    assert record.data_config["critic"] is critic


def test_losses_on_real_and_generated_images_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("d_loss_real,d_loss_fake,g_loss,real_logits,fake_logits\n0.5,0.25,1,3,-3\n0.25,0.5,2,4,-4\n0.1,,3,5,-5\n")
    record = read_losses(path)
    assert record.signal(DISCRIMINATOR_LOSS).values.tolist() == [0.75, 0.75]
    assert record.signal(LOGITS_OF_REAL).values.tolist() == [3, 4, 5]
    assert all(any(signal.matches(key) for signal in declared("training")) for key in record.log)
    assert record.signal(LOGITS_OF_GENERATED).values.tolist() == [-3, -4, -5]
    path.write_text("epoch,G_GAN,G_L1,D_real,D_fake\n1,0.5,9,0.3,0.4\n2,0.6,8,0.2,0.2\n")  # as pix2pix's own program calls them
    assert read_losses(path).signal(DISCRIMINATOR_LOSS).values.tolist() == [0.7, 0.4]
    assert read_losses(path).signal(GENERATOR_LOSS).values.tolist() == [0.5, 0.6]


@pytest.mark.parametrize(
    ("steps", "read", "note"),
    [
        (["30", "20", "10"], [10, 20, 30], ""),
        (["0", "1", "0"], [0, 1, 2], "several times"),
        (["0.1", "0.2", "0.3"], [0, 1, 2], "whole numbers"),
        (["it1", "it2", "it3"], [0, 1, 2], "whole numbers"),
        (["1e30", "2e30", "3e30"], [0, 1, 2], "whole numbers"),
    ],
)
def test_steps_are_believed_if_they_are_steps(tmp_path: Path, steps: list[str], read: list[int], note: str) -> None:
    path = tmp_path / "losses.csv"
    path.write_text("step,d_loss,g_loss\n" + "".join(f"{step},1,{step_number}\n" for step_number, step in enumerate(steps)))
    record = read_losses(path)
    assert record.signal(GENERATOR_LOSS).steps.tolist() == read
    assert note in " ".join(record.data_config["notes"])
    assert bool(note) == bool(record.data_config["notes"])


def test_losses_that_end_before_the_table_came_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "losses.csv"
    lines = [f"{step},{'' if step >= 50 else 1},{'' if step >= 50 else 0.9}" for step in range(100)]
    path.write_text("step,d_loss,g_loss\n" + "\n".join(lines))
    verdict = sparring.diagnose(path)
    assert [(finding.name, finding.severity, finding.since) for finding in verdict.findings] == [("not finite", "severe", 50)]
    once = [f"{step},1,{'nan' if step == 80 else 0.9 + 0.01 * (step % 3)}" for step in range(100)]
    path.write_text("step,d_loss,g_loss\n" + "\n".join(once))
    (finding,) = sparring.diagnose(path).findings
    assert (finding.name, finding.severity) == ("not finite", "warning")
    assert "cannot continue" not in finding.summary


# ---------------------------------------------------------------------------------------------- samples


def learning(time: int, count: int = 6, side: int = 12) -> np.ndarray:
    """Images that become clear, each its own."""
    random = np.random.default_rng(1)
    clear = random.integers(0, 2, (count, 3, 3, 1)).repeat(side // 3, axis=1).repeat(side // 3, axis=2) * 255
    blur = random.integers(0, 256, (count, side, side, 1))
    return (clear * (time / 5) + blur * (1 - time / 5)).astype(np.uint8)


def collapsing(time: int) -> np.ndarray:
    mine = learning(5)
    return (mine + (mine[:1].astype(int) - mine) * (time / 5)).astype(np.uint8)


def going_round(time: int) -> np.ndarray:
    return np.roll(learning(5), 40 * (time % 3), axis=2) // (1 + time % 3)


@pytest.fixture
def sheets(tmp_path: Path) -> Callable[..., Path]:
    """Sheets of six samples at six times."""

    def draw(images: Callable[[int], np.ndarray], name: str = "fakes{:06d}.png", gap: int = 2, scale: int = 1) -> Path:
        for time in range(6):
            save_image(grid(images(time), columns=3, gap=gap, scale=scale), tmp_path / "sheets" / name.format(time * 20))
        save_image(np.zeros((30, 30, 1), np.uint8), tmp_path / "sheets" / "reals.png")
        return tmp_path / "sheets"

    return draw


def test_sheets_are_cut_and_followed(sheets: Callable[..., Path]) -> None:
    record = read_sample_sheets(sheets(learning), measure_pixels)
    assert record.kind == "samples"
    assert (record.data_config["tiles"], record.data_config["tile"], record.data_config["same_latents"]) == (6, 12, True)
    spread = record.signal(SHEET_SPREAD)
    assert spread.steps.tolist() == [0, 20, 40, 60, 80, 100]
    rows = learning(5)[..., 0].reshape(6, -1) / 127.5 - 1  # blocks are larger than what is averaged over
    expected = np.mean([np.sqrt(np.mean((a - b) ** 2)) for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j])
    assert spread.values[-1] == pytest.approx(expected, rel=0.1)
    assert set(record.measurements[-1]) == {"step", *(signal.name for signal in declared("sheets"))}
    assert record.signal(SHEET_MOVEMENT).steps[0] == 20
    assert (record.signal(SHEET_MOVEMENT).values > 0.05).all()
    assert record.signal(SHEET_RETURN).steps[0] == 40
    assert (record.signal(SHEET_RETURN).values > 1).all()
    assert record.signal(SHEET_SATURATION).values[-1] > 0.9 > record.signal(SHEET_SATURATION).values[0]
    assert record.signal(SHEET_CHECKERBOARD).values[0] > 5 * record.signal(SHEET_CHECKERBOARD).values[-1]
    assert [step for step, _ in record.sheets] == [0, 20, 40, 60, 80, 100]


def test_collapse_and_return_show_in_sheets(sheets: Callable[..., Path]) -> None:
    spread = read_sample_sheets(sheets(collapsing), measure_pixels).signal(SHEET_SPREAD).values
    assert spread[0] > 0.5
    assert spread[-1] == 0
    returned = read_sample_sheets(sheets(going_round), measure_pixels).signal(SHEET_RETURN).values
    assert returned[-3:].tolist() == [0, 0, 0]


def test_noise_shows_in_sheets_and_single_images_are_asked_about(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for time in range(80):
        save_image(random.integers(0, 256, (24, 24, 3), np.uint8), tmp_path / f"{time:05d}.png")
    verdict = sparring.diagnose(tmp_path)
    assert [finding.name for finding in verdict.findings] == ["noise"]
    grain = verdict.record.signal(SHEET_NOISE)
    assert np.abs(grain.values - 1).max() < 0.1, "half of the mean squared difference of independent numbers is their variance"
    assert any("Each of 80 images counts as a moment" in note for note in verdict.record.data_config["notes"])
    plain = np.full((24, 24, 3), 7, np.uint8)
    ramp = np.arange(24, dtype=np.uint8)[:, None, None].repeat(24, axis=1).repeat(3, axis=2)
    for time in range(80):
        save_image(ramp if time % 2 else plain, tmp_path / f"{time:05d}.png")
    values = read_sample_sheets(tmp_path, measure_pixels).signal(SHEET_NOISE).values
    assert set(values.tolist()) == {0.0, 0.005217}, "of 0..23: (0 + 1) / 4 over a variance of 575 / 12"


def test_tiles_of_all_kinds_of_sheets(sheets: Callable[..., Path]) -> None:
    folder = sheets(learning, "samples_epoch_{}.png", scale=3)
    record = read_sample_sheets(folder, measure_pixels)
    assert record.data_config["tile"] == 36
    plain = read_sample_sheets(sheets(learning), measure_pixels)
    assert record.signal(SHEET_CHECKERBOARD).steps.tolist() == plain.signal(SHEET_CHECKERBOARD).steps.tolist()
    assert record.signal(SHEET_CHECKERBOARD).values == pytest.approx(plain.signal(SHEET_CHECKERBOARD).values, rel=1e-3)  # made small again
    for file in folder.glob("*.png"):
        file.unlink()
    seamless = sheets(
        lambda time: np.clip(learning(time, 6, 24) // 4 + 30 * np.arange(6, dtype=np.uint8)[:, None, None, None], 0, 255), gap=0
    )
    assert read_sample_sheets(seamless, measure_pixels).data_config["tile"] == 24
    with pytest.raises(SettingsError, match="tile is 23, and the images are 72x48"):
        read_sample_sheets(seamless, measure_pixels, tile=23)
    assert read_sample_sheets(seamless, measure_pixels, tile=12).data_config["tiles"] == 24


def test_a_last_row_that_is_not_full(sheets: Callable[..., Path]) -> None:
    record = read_sample_sheets(sheets(lambda time: learning(time, 5)), measure_pixels)
    assert record.data_config["tiles"] == 5


def test_images_in_folders_by_step_and_lossy_ones(tmp_path: Path) -> None:
    for time in range(4):
        for number, image in enumerate(learning(time, 4, 24)):
            save_image(image, tmp_path / f"step-{time * 500}" / f"{number}.jpg")
    record = read_sample_sheets(tmp_path, measure_pixels)
    assert record.data_config["tiles"] == 4
    assert record.signal(SHEET_SPREAD).steps.tolist() == [0, 500, 1000, 1500]
    assert len(record.signal(SHEET_CHECKERBOARD)) == 0
    assert record.sheets[-1] == (1500, tmp_path / "step-1500")
    (tmp_path / "step-1500" / "3.jpg").unlink()  # being written
    record = read_sample_sheets(tmp_path, measure_pixels)
    assert record.signal(SHEET_SPREAD).steps.tolist() == [0, 500, 1000]
    assert any("1 of 4 moments" in note for note in record.data_config["notes"])


def test_whole_images_are_samples_where_no_tiles_are_found(tmp_path: Path) -> None:
    for time in range(3):
        save_image(learning(time, 1, 48)[0], tmp_path / f"run2_iter{time}_epoch7.png")
    record = read_sample_sheets(tmp_path, measure_pixels)
    assert record.signal(SHEET_MOVEMENT).steps.tolist() == [1, 2]
    assert len(record.signal(SHEET_SPREAD)) == 0
    assert any("--tile" in note for note in record.data_config["notes"])
    (tmp_path / "run2_iter1_epoch7.png").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"iter1_epoch7\.png cannot be read"):
        read_sample_sheets(tmp_path, measure_pixels)
    for file in tmp_path.iterdir():
        file.unlink()
    with pytest.raises(DataError, match="has no samples over time"):
        read_sample_sheets(tmp_path, measure_pixels)


# ---------------------------------------------------------------------------------- samples, losses and real images


def with_noise(images: np.ndarray, time: int, strength: float) -> np.ndarray:
    return np.clip(images + np.random.default_rng(time).normal(0, strength, images.shape), 0, 255).astype(np.uint8)


def garments(time: int, count: int = 16) -> np.ndarray:
    """Smooth shapes that differ, on black."""
    random = np.random.default_rng(2)
    y, x = np.mgrid[:24, :24]
    found = []
    for _ in range(count):
        (cx, cy), (width, height), gray = random.uniform(8, 16, 2), random.uniform(4, 8, 2), random.uniform(90, 255)
        found.append(gray * np.clip(6 - 6 * (((x - cx) / width) ** 2 + ((y - cy) / height) ** 2), 0, 1))
    return np.stack(found)[..., None].astype(np.uint8)


def real_images(folder: Path, count: int) -> Path:
    for number, image in enumerate(garments(0, count)):
        save_image(image, folder / f"{number}.png")
    return folder


def names_of(verdict: Verdict) -> list[str]:
    return [finding.name for finding in verdict.findings if finding.severity != "note"]


def test_a_discriminator_that_is_worse_than_guessing(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "losses.csv"

    def findings(discriminator: float, generator: float) -> list[str]:
        rows = [f"{10 * step},{discriminator + random.normal(0, 0.1):.4f},{generator + random.normal(0, 0.02):.4f}" for step in range(60)]
        path.write_text("step,d_loss,g_loss\n" + "\n".join(rows))
        return names_of(sparring.diagnose(path))

    assert findings(2.8, 0.15) == ["weak discriminator"]
    assert "worse than guessing" in sparring.diagnose(path).findings[0].summary
    assert findings(1.39, 0.69) == [], "both guess"
    assert findings(1.2, 0.9) == []
    assert findings(2.8, 0.9) == [], "a generator that does not convince it"
    assert findings(1.5, 0.15) == [], "hardly worse than guessing"


def test_outputs_in_the_log_of_pytorchs_example(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    lines = [
        f"[{step // 100}/25][{step % 100}/100] Loss_D: {0.9 + 0.01 * (step % 7):.4f} Loss_G: {1.5 + 0.01 * (step % 5):.4f} D(x): 0.8000 "
        f"D(G(z)): {0.25 if step else 0.0:.4f} / 0.2000"
        for step in range(200)
    ]
    path.write_text("\n".join(lines))
    record = read_losses(path)
    assert record.signal(LOGITS_OF_REAL).last == pytest.approx(np.log(0.8 / 0.2))
    assert record.signal(LOGITS_OF_GENERATED).last == pytest.approx(np.log(0.25 / 0.75))
    assert record.signal(LOGITS_OF_GENERATED).values[0] == pytest.approx(np.log(5e-5 / (1 - 5e-5))), "0.0000 is no certainty"
    assert record.signal(DISCRIMINATOR_LOSS).last == pytest.approx(0.93)
    path.write_text("step,errD,errG,D(x),D(G(z))\n" + "\n".join(f"{step},2.6,0.2{step % 2},0.42,0.81" for step in range(50)))
    (finding,) = sparring.diagnose(path).findings
    assert "a higher logit (1.5) than real ones (-0.32)" in finding.evidence[-1]
    path.write_text("step,errD,errG,D(x),D(G(z))\n" + "\n".join(f"{step},0.6,0.2{step % 2},7.5,-3" for step in range(50)))
    assert read_losses(path).signal(LOGITS_OF_REAL).last == 7.5, "no probabilities, so logits already"


def test_samples_that_are_alike_but_noisy_have_collapsed(sheets: Callable[..., Path]) -> None:
    verdict = sparring.diagnose(sheets(lambda time: with_noise(garments(0, 1).repeat(6, axis=0), time, 60)))
    assert names_of(verdict)[0] == "mode collapse"
    assert "but for noise" in verdict.findings[0].summary
    assert "noise" not in names_of(verdict)


def test_samples_that_differ_or_are_nothing_but_noise_have_not(sheets: Callable[..., Path]) -> None:
    assert "mode collapse" not in names_of(sparring.diagnose(sheets(lambda time: with_noise(garments(0, 6), time, 60))))
    assert names_of(sparring.diagnose(sheets(lambda time: with_noise(np.full((6, 24, 24, 1), 127), time, 60)))) == ["noise"]


def test_samples_on_gray_where_the_data_is_black(sheets: Callable[..., Path], tmp_path: Path) -> None:
    photos = real_images(tmp_path / "photos", 2100)
    moving = lambda time: np.roll(garments(0, 6), time, axis=2)  # noqa: E731
    right = sparring.diagnose(sheets(moving), data=photos)
    assert names_of(right) == []
    verdict = sparring.diagnose(sheets(lambda time: moving(time) // 2 + 127), data=photos)
    assert names_of(verdict)[0] == "value range"
    assert "black is gray" in verdict.findings[0].summary
    assert any("scaling twice" in sentence for sentence in verdict.findings[0].evidence)
    assert "value range" not in names_of(sparring.diagnose(sheets(lambda time: moving(time) // 2 + 127))), "which only real images tell"


def test_few_real_images_and_samples_that_vary_less_than_they(sheets: Callable[..., Path], tmp_path: Path) -> None:
    verdict = sparring.diagnose(sheets(lambda time: np.roll(garments(0, 6), time, axis=2)), data=real_images(tmp_path / "photos", 24))
    assert names_of(verdict) == ["few images"]
    assert "24 images" in verdict.findings[0].evidence[0]
    half = lambda time: (0.8 * garments(0, 6).mean(axis=0) + 0.2 * np.roll(garments(0, 6), time, axis=2)).astype(np.uint8)  # noqa: E731
    assert "mode collapse" not in names_of(sparring.diagnose(sheets(half)))
    assert "mode collapse" in names_of(sparring.diagnose(sheets(half), data=tmp_path / "photos"))


def test_one_verdict_of_samples_losses_and_real_images(
    sheets: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, photos = sheets(lambda time: np.roll(garments(0, 6), time, axis=2)), real_images(tmp_path / "photos", 24)
    losses = tmp_path / "losses.csv"
    losses.write_text("step,d_loss,g_loss\n" + "\n".join(f"{step},2.8,0.1{step % 5}" for step in range(60)))
    told = call("diagnose", folder, "--losses", losses, "--data", photos, "--out", tmp_path / "page")
    said = capsys.readouterr().out
    assert told == 4
    assert "few images" in said.lower()
    assert "weak discriminator" in said.lower()
    assert "no gradients" in said
    assert "no losses" not in said
    assert json.loads((tmp_path / "page" / "diagnosis.json").read_text())["kind"] == "samples"
    with pytest.raises(SettingsError, match="table of losses, and so is"):
        sparring.diagnose(losses, losses=losses)


# --------------------------------------------------------------------------------------------- verdicts


def verdict_of(run: Path, *findings: Finding, training_settings: dict[str, Any] | None = None) -> Verdict:
    return Verdict(read_run(RunDirectory(run), USUAL), findings, training_settings or {})


def test_a_run_is_healthy_if_nothing_above_a_note_is_found(made: Callable[..., Path]) -> None:
    run = made()
    assert verdict_of(run).healthy
    assert verdict_of(run, finding(severity="note")).healthy
    assert not verdict_of(run, finding(severity="warning", confidence=0.01)).healthy
    assert verdict_of(run).headline == "Healthy, as far as 8 measurements up to step 800 can tell."
    assert verdict_of(run, finding(began=1200)).headline == "Sick: mode collapse since step 1,200 (severe, 92 % sure)."
    assert (
        verdict_of(run, finding("uninformative labels", began=0)).headline
        == "Sick: uninformative labels from the start (severe, 92 % sure)."
    )
    several = verdict_of(
        run,
        finding("checkerboard artifacts", "note", 1.0),
        finding(severity="warning", confidence=0.1, began=None),
        finding("uninformative labels"),
    )
    assert several.headline == "Sick: mode collapse (warning, 10 % sure), and 1 more finding."


def test_a_run_before_its_first_look_gets_no_clean_bill_of_health(made: Callable[..., Path]) -> None:
    young = replace(verdict_of(made()), milestone="Not half of the way.", young=True)
    assert young.healthy
    assert "so far" in young.headline
    page = Page(html(young))
    assert [text for _, text in page.all("p", "unsure")] == [young.headline]
    assert page.all("p", "healthy") == []
    assert [text for _, text in page.all("p", "milestone")] == ["Not half of the way."]
    assert replace(young, findings=(finding(),)).headline.startswith("Sick")
    assert Page(html(replace(young, findings=(finding(),)))).all("p", "sick")


def test_a_sick_run_gets_no_command_to_resume(made: Callable[..., Path]) -> None:
    run = made(about={"spec": SPEC, "fingerprint": "f"})
    assert "To continue: sparring resume" in sparring.diagnose(run).milestone
    (run / "ending.json").write_text(json.dumps({"reason": "not finite", "step": 812, "message": "the loss is nan"}))
    verdict = sparring.diagnose(run)
    assert not verdict.healthy
    assert verdict.milestone == "0% of the way to a first look (0 of 200,000 real samples)."


@pytest.mark.parametrize(("lines", "measured", "early"), [(16, 3, False), (16, 2, True), (1, 1, True), (16, 0, False), (9, 0, True)])
def test_young_runs_are_not_called_healthy(made: Callable[..., Path], lines: int, measured: int, early: bool) -> None:
    verdict = verdict_of(made(lines=lines, measured=measured))
    assert verdict.too_early == early
    assert verdict.headline.startswith("Too early to tell: " if early else "Healthy, as far as ")
    assert not verdict_of(verdict.record.source, finding()).too_early


def test_certainty_and_beginning_in_words() -> None:
    words = [certainty(finding(confidence=value)) for value in (0.97, 0.8, 0.5, 0.2)]
    assert words == ["almost certain (97 %)", "very likely (80 %)", "likely (50 %)", "possible (20 %)"]
    assert [since(finding(began=step)) for step in (None, 0, 12345)] == ["", " from the start", " since step 12,345"]


@pytest.mark.parametrize(("began", "steps"), [(300, [200, 800]), (400, [400, 800]), (0, [0, 800]), (None, [0, 800]), (800, [800])])
def test_samples_from_before_and_after(made: Callable[..., Path], began: int | None, steps: list[int]) -> None:
    assert [step for step, _ in verdict_of(made(), finding(began=began)).before_and_after] == steps


def test_samples_of_a_healthy_run_and_of_one_without(made: Callable[..., Path]) -> None:
    run = made()
    assert [step for step, _ in verdict_of(run).before_and_after] == [400, 800]
    for path in (run / "samples").iterdir():
        path.unlink()
    assert verdict_of(run, finding()).before_and_after == ()


def test_the_verdict_names_what_could_not_be_examined(made: Callable[..., Path], tmp_path: Path) -> None:
    assert [one.partition(" are only looked for")[0] for one in verdict_of(made()).limits] == ["Copies of training images"]
    (tmp_path / "run" / "health.jsonl").unlink()
    assert "no measurements" in verdict_of(tmp_path / "run").limits[0]
    losses = Verdict(Record(tmp_path, "losses", log={"loss/generator": series([1.0])}), ())
    assert "losses alone" in losses.limits[0]
    samples = Verdict(Record(tmp_path, "samples", data_config={"notes": ["A note."]}), ())
    assert samples.limits[0] == "A note."
    assert (
        samples.limits[1] == "Fewer findings: there were no losses (--losses) and no gradients and no real images to compare with (--data)."
    )


def test_commands_train_as_the_run_but_for_the_remedy(made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    run = made(width=16, r1=3.0, spectral_norm=True, discriminator_learning_rate=0.001)
    verdict = sparring.diagnose(run)
    remedy = Remedy(
        action="",
        settings={
            "r1": 0.5,
            "betas": (0.0, 0.99),
            "minibatch_deviation": True,
            "spectral_norm": False,
            "discriminator_learning_rate": None,
        },
    )
    words = shlex.split(verdict.command(remedy))
    assert words[:2] == ["sparring", "train"]
    assert words.index("--width") < words.index("--steps") < words.index("--r1")  # what changes comes last
    called: dict[str, Any] = {}

    def train(recipe: object, data: object, out: object, **settings: object) -> None:
        called.update(settings, data=data)
        raise DataError("enough")

    monkeypatch.setattr("sparring.api.train", train)
    assert call(*words[1:]) == 1
    expected = {**USUAL, "width": 16, "r1": 0.5, "betas": (0.0, 0.99), "minibatch_deviation": True}
    assert {name: called[name] for name in expected} == expected
    assert (called["data"], called["steps"], called["size"], called["crop"], called["minutes"]) == ("/my images", 800, 32, "pad", None)
    assert verdict.command(Remedy(action="Think.")) == ""
    assert Verdict(Record(run, "losses"), ()).command(remedy) == ""


def test_commands_name_how_the_run_was_trained(made: Callable[..., Path]) -> None:
    run = RunDirectory(made())
    config = read_config(run)
    training = {**config["train_settings"], "seed": 7, "keep": 3, "parts": 2, "coach": True, "coach_tries": 9}
    write_config(run, {**config, "train_settings": training})
    assert sparring.diagnose(run.path).command(Remedy(action="", settings={"r1": 1.0})) == (
        "sparring train dcgan --data '/my images' --size 32 --crop pad --steps 800 --seed 7 --parts 2 --r1 1.0"
    )
    points = {"source": "ring8", "spec": {"kind": "points", "dimensions": 2, "classes": []}, "preprocessing": None}
    write_config(run, {**config, "data": points, "train_settings": {"steps": 800, "seed": 0, "hidden": [64, 64], "linear_decay": True}})
    assert (
        sparring.diagnose(run.path)
        .command(Remedy(action="", settings={"r1": 1.0}))
        .endswith("--steps 800 --hidden 64 64 --linear-decay --r1 1.0")
    )


def test_commands_of_the_playground(made: Callable[..., Path]) -> None:
    assert (usual_settings("gan", "points")["latent_size"], usual_settings("gan", "images")["latent_size"]) == (16, 100)
    verdict = sparring.diagnose(
        made(
            "gan",
            about={"source": "ring8", "spec": {"kind": "points", "dimensions": 2, "classes": []}, "preprocessing": None},
            learning_rate=0.1,
        )
    )
    assert (
        verdict.command(Remedy(action="", settings={"packing": 2}))
        == "sparring playground gan --data ring8 --learning-rate 0.1 --steps 800 --packing 2"
    )


# ------------------------------------------------------------------------------------------------- page


class Page(HTMLParser):
    """The elements of a page: tag, attributes, text below them."""

    VOID = ("meta", "img", "line", "polyline", "circle")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.open: list[tuple[str, list[str]]] = []
        self.feed(text)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        texts: list[str] = []
        self.elements.append((tag, {name: value or "" for name, value in attrs}, texts))
        if tag not in self.VOID:
            self.open.append((tag, texts))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, texts in self.open:
            texts.append(data)

    def all(self, tag: str, kind: str | None = None) -> list[tuple[dict[str, str], str]]:
        return [
            (attributes, "".join(texts).strip())
            for name, attributes, texts in self.elements
            if name == tag and (kind is None or kind in attributes.get("class", "").split())
        ]


def test_the_page_shows_everything(made: Callable[..., Path], tmp_path: Path) -> None:
    verdict = verdict_of(made(), finding(), finding("checkerboard artifacts", "note", 0.6, None), training_settings={"steps": 800})
    path = write(verdict, tmp_path / "out")
    assert path == tmp_path / "out" / HTML
    page = Page(path.read_text())
    assert [text for _, text in page.all("p", "verdict")] == [verdict.headline]
    sections = page.all("section")
    assert [attributes["class"] for attributes, _ in sections] == ["finding severe", "finding note"]
    for words in ("Mode collapse", "almost certain (92 %), since step 300", "It draws <one> image.", "It was 0.5.", "Sleep <over> it."):
        assert words in sections[0][1]
    commands = [" ".join(text.split()) for _, text in page.all("pre")]
    assert commands == ["sparring train dcgan --data '/my images' --steps 800 " + CHANGE] * 2
    marks = [attributes["data-step"] for attributes, _ in page.all("line", "mark")]
    assert marks == ["300"] * (2 + len(PANELS))
    titles = [text for _, text in page.all("figcaption")]
    assert [title.split(" (")[0] for title in titles[-len(PANELS) :]] == PANELS
    cells = [text for _, text in page.all("td")]
    assert len(cells) == 2 * len(DATA)
    for words in ("9,000", "1x32x32", "2, from 40 % to 60 % of the images", "0.1 %"):
        assert words in cells
    images = [attributes["src"] for attributes, _ in page.all("img")]
    decoded = [Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,")))) for source in images]
    assert [image.getpixel((0, 0)) for image in decoded] == [50, 200]  # of steps 200 and 800
    assert titles[titles.index("step 200, before it began") + 1] == "step 800, the newest"


def test_the_page_names_what_a_coach_did(made: Callable[..., Path], tmp_path: Path) -> None:
    run = RunDirectory(made())
    entry = {"step": 400, "finding": "mode collapse", "severity": "severe", "back_to": 0, "changes": {"r1": 1.0}, "before": {"r1": 0.0}}
    write_config(run, {**read_config(run), "interventions": [entry]})
    verdict = sparring.diagnose(run.path, out=tmp_path / "out")
    told = ["At step 400: mode collapse (severe). Back to the beginning, now with r1=1.0 (was 0.0)."]
    assert [text for _, text in Page((tmp_path / "out" / HTML).read_text()).all("li")][:1] == told
    assert json.loads((tmp_path / "out" / JSON).read_text())["coached"] == told
    assert verdict.coached == tuple(told)


def test_the_page_needs_nothing_else(made: Callable[..., Path], tmp_path: Path) -> None:
    page = Page(write(verdict_of(made(), finding()), tmp_path).read_text())
    assert not page.all("script")
    assert not page.all("link")
    links = [value for _, attributes, _ in page.elements for name, value in attributes.items() if name in {"src", "href", "xlink:href"}]
    assert links
    assert all(link.startswith("data:") for link in links)
    assert "url(" not in page.all("style")[0][1]


def test_the_verdict_for_programs(made: Callable[..., Path], tmp_path: Path) -> None:
    verdict = verdict_of(made(), finding())
    write(verdict, tmp_path)
    told = json.loads((tmp_path / JSON).read_text())
    assert told == {"sparring": sparring.__version__, **json.loads(json.dumps(verdict.to_json()))}
    assert (told["healthy"], told["headline"], told["step"]) == (False, verdict.headline, 800)
    assert told["findings"][0]["since"] == 300
    assert told["findings"][0]["commands"] == [verdict.command(finding().remedies[0])]
    assert [sample["step"] for sample in told["samples"]] == [200, 800]


def test_images_that_are_gone_or_large(made: Callable[..., Path], tmp_path: Path) -> None:
    run = made()
    verdict = verdict_of(run, finding())
    (run / "samples" / "step-000000200.png").unlink()
    save_image(np.zeros((3000, 1500, 3), np.uint8), run / "samples" / "step-000000800.png")
    images = Page(write(verdict, tmp_path).read_text()).all("img")
    assert len(images) == 1
    image = Image.open(io.BytesIO(base64.b64decode(images[0][0]["src"].split(",")[1])))
    assert image.size == (512, 1024)


def points_of(text: str) -> list[tuple[float, float]]:
    return [tuple(map(float, point.split(","))) for point in Page(text).all("polyline")[0][0]["points"].split()]  # pyright: ignore[reportReturnType]


def test_curves_are_to_scale() -> None:
    linear = points_of(chart(series([1.0, 2.0, 4.0, math.nan, 3.0]), "x", until=500, width=500))
    assert len(linear) == 4
    xs, ys = np.array(linear).T
    assert np.diff(xs) == pytest.approx((xs[-1] - xs[0]) / 4 * np.array([1, 1, 2]), abs=0.2)
    assert (ys[0] - ys[1], ys[1] - ys[2]) == pytest.approx(((ys[0] - ys[2]) / 3, (ys[0] - ys[2]) * 2 / 3), abs=0.2)
    logarithmic = np.array(points_of(chart(series([1.0, 100.0, 1e4]), "x", until=300)))[:, 1]
    assert logarithmic[0] - logarithmic[1] == pytest.approx(logarithmic[1] - logarithmic[2], abs=0.2)
    negative = np.array(points_of(chart(series([-1.0, 100.0, 1e4]), "x", until=300)))[:, 1]
    assert negative[0] - negative[1] < 0.1 * (negative[1] - negative[2])
    mark = Page(chart(series([1.0, 2.0, 3.0]), "x", until=300, mark=200)).all("line", "mark")[0][0]
    assert float(mark["x1"]) == points_of(chart(series([1.0, 2.0, 3.0]), "x", until=300))[1][0]
    assert "No finite values" in chart(series([math.nan, math.inf]), "x", until=300)
    assert len(points_of(chart(series([2.0] * 3), "x", until=300))) == 3


def test_long_curves_keep_their_peaks() -> None:
    values = np.zeros(50_000)
    values[31_234] = 7.0
    text = chart(series(values.tolist(), 1), "x", until=50_000)
    assert len(text) < 20_000
    ys = np.array(points_of(text))[:, 1]
    assert ys.max() - ys.min() > 80
    assert np.sum(ys < ys.mean() - 40) == 1


def test_numbers_beside_axes() -> None:
    assert ticks(0.0, 1.0, 4) == [0, 0.5, 1]
    assert ticks(0.1, 0.72, 4) == [0.2, 0.4, 0.6]
    assert len(ticks(0.3, 0.7, 1)) >= 2
    assert decades(-1.5, 2.5) == [0.1, 1, 10, 100]
    assert len(decades(-20, 20)) <= 5
    assert [format_number(value) for value in (0.0, 0.25, 1500.0, 1e-5, 2.5e9, -0.5)] == ["0", "0.25", "1,500", "1e-5", "2.5e9", "-0.5"]


# ------------------------------------------------------------------------------------------ from end to end


def test_exit_status_and_words(made: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    run = made()
    found: list[Finding] = []
    monkeypatch.setattr("sparring.health.diagnosis.all_rules.diagnose", lambda record: tuple(found))
    assert call("diagnose", run) == 0
    out = capsys.readouterr().out
    assert out.startswith("Healthy, as far as 8 measurements up to step 800 can tell.\n")
    assert out.endswith(f"Page: {run / 'diagnosis' / 'report.html'}\n")
    found.append(finding(severity="note"))
    assert call("diagnose", run) == 0
    found.append(finding("uninformative labels"))
    assert call("diagnose", run, "--out", run / "elsewhere", "--json", run / "told.json") == exit_codes.EXIT_SICK == 4
    out = capsys.readouterr().out
    for line in (
        "Sick: uninformative labels since step 300 (severe, 92 % sure).",
        "Uninformative labels: severe, almost certain (92 %) since step 300",
        "  - Diversity is 0.1.",
        "  To do: Play another game.",
        f"      sparring train dcgan --data '/my images' --size 32 --crop pad --steps 800 {CHANGE}",
        f"Page: {run / 'elsewhere' / 'report.html'}",
    ):
        assert line in out.splitlines()
    assert json.loads((run / "told.json").read_text())["healthy"] is False
    assert sorted(path.name for path in (run / "elsewhere").iterdir()) == [JSON, HTML]


def test_too_early_has_an_exit_status_of_its_own(made: Callable[..., Path]) -> None:
    assert call("diagnose", made(measured=2)) == exit_codes.EXIT_TOO_EARLY == 5


def test_a_run_that_broke_off_is_sick(made: Callable[..., Path]) -> None:
    run = made()
    assert sparring.diagnose(run).healthy
    (run / "ending.json").write_text(json.dumps({"reason": "not finite", "step": 812, "message": "the loss is nan"}))
    verdict = sparring.diagnose(run)
    assert verdict.main is not None
    assert (verdict.main.name, verdict.main.since) == ("not finite", 812)


def test_other_programs_from_the_command_line(
    sheets: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{step},{0.9**step:.6f},{step / 5}\n" for step in range(60))
    Path("losses.csv").write_text("step,d_loss,g_loss\n" + lines)
    assert call("diagnose", "losses.csv") == 4
    assert "Fewer findings: losses alone" in capsys.readouterr().out
    assert Path("diagnosis/report.html").is_file()
    assert call("diagnose", sheets(collapsing), "--out", "of-samples") == 4
    assert "Sick: mode collapse" in capsys.readouterr().out
    page = Page(Path("of-samples/report.html").read_text())
    assert len(page.all("img")) == 2
    assert any(text.startswith("spread of samples") for _, text in page.all("figcaption"))
    Path("x.png").write_bytes(b"")
    for place, words in (
        ("nothing", "nothing does not exist"),
        ("x.png", "x.png is empty, not a table of losses"),
        (".", "has no samples over time"),
    ):
        assert call("diagnose", place) == 1
        assert words in capsys.readouterr().err


def test_runs_that_tell_nothing(made: Callable[..., Path]) -> None:
    run = RunDirectory(made(lines=0, measured=0))
    with pytest.raises(DataError, match="no checkpoint of a step that was trained"):
        sparring.diagnose(run.path)
    config = json.loads(run.config.read_text())
    run.config.write_text(json.dumps({name: value for name, value in config.items() if name != "train_settings"}))
    with pytest.raises(CheckpointError, match="train_settings"):
        sparring.diagnose(run.path)


def test_nothing_of_a_run_is_changed(made: Callable[..., Path]) -> None:
    run = made()
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    sparring.diagnose(run, out=run / "diagnosis")
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.parent.name != "diagnosis"}
    assert after == before
