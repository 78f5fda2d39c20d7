"""Findings as plain functions of a record: each on a record that fails in this way only, and none on a healthy one."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparring import recipes
from sparring.data.images.image_spec import ImageSpec
from sparring.games.adversarial import AdversarialRecipe
from sparring.health.diagnosis.all_rules import BRINGS_ABOUT, NAMES, RULES, diagnose
from sparring.health.diagnosis.remedies import (
    against_mode_collapse,
    against_non_convergence,
    against_overfitting,
    against_vanishing_gradients,
    against_weak_discriminator,
    change_learning_rates,
)
from sparring.health.diagnosis.thresholds import COMPARED_PAIRS_RATE
from sparring.health.diagnosis.training_record import Curve, Record
from sparring.losses.objectives import OBJECTIVES
from sparring.recipes.cgan import CGAN
from sparring.training.callbacks.health import measurement_due

STEPS = tuple(range(100, 1700, 100))
USUAL = {
    "objective": "non-saturating", "learning_rate": 2e-4, "discriminator_learning_rate": None, "discriminator_steps": 1, "r1": 0.0,
    "r2": 0.0, "betas": (0.5, 0.999), "packing": 1, "unroll": 0, "augment": "none", "condition": "none", "optimizer": "adam",
    "gradient_penalty": 0.0, "weight_clip": 0.0, "input_noise": 0.0, "input_noise_samples": None, "discriminator_norm": "batch",
    "discriminator_weight_decay": 0.0, "batch_size": 64,
}  # fmt: skip
DATA = {
    "count": 9872, "holdout": 128, "shape": [1, 32, 32], "minimum": -1.0, "maximum": 1.0, "mean": -0.4, "standard_deviation": 0.7,
    "pairwise_distance": 0.73, "nearest_other": 0.31, "near_duplicates": 0.0, "saturation": 0.3, "measured": 2048, "checkerboard": 1e-4,
    "label_agreement": 0.76, "label_agreement/by_chance": 0.1, "classes": [0.1] * 10, "modes": [0.1] * 10, "modes_are": "classes",
}  # fmt: skip
WEIGHTS = ("generator.layers.0.weight", "generator.layers.2.weight", "discriminator.layers.0.weight", "discriminator.layers.2.weight")


def measurement(step: int, random: np.random.Generator) -> dict[str, Any]:
    """Of a healthy game."""
    progress = min(1.0, step / 1000)
    return {
        "step": step,
        "relative_gradients": dict.fromkeys(WEIGHTS, 0.5),
        "relative_updates": dict.fromkeys(WEIGHTS, 0.006),
        "spectral_norms": dict.fromkeys(WEIGHTS, 1.0 + progress),
        "constant_channels": {},
        "logit/generated": -1.5, "logit/real": 1.5, "logit/holdout": 1.4, "logit/spread": 2.0,
        "auc/real_vs_generated": 0.95, "auc/holdout_vs_generated": 0.94, "auc/training_vs_holdout": 0.51 + 0.02 * random.normal(),
        "diversity": 0.1 + 0.85 * progress, "nearest_sample": 0.2 + 0.7 * progress, "near_duplicates": 0.0,
        "recall": 0.6 * progress, "precision": 0.6, "coverage": 0.1 + 0.4 * progress,
        "nearest_real": 0.45, "nearest_real/holdout": 0.32, "saturation": 0.25, "checkerboard": 1e-3,
        "projection": list(np.full(32, 0.1 * math.sqrt(step / 100)) + 0.1 * random.normal(size=32)),
        "modes": [0.1] * 10,
    }  # fmt: skip


def healthy() -> Record:
    """A training that goes well."""
    random = np.random.default_rng(0)
    steps = np.arange(50, 1650, 50)
    noise = random.normal(size=(6, len(steps)))
    log = {
        "loss/discriminator/real": Curve(steps, 0.35 + 0.02 * noise[0]),
        "loss/discriminator/generated": Curve(steps, 0.35 + 0.02 * noise[1]),
        "loss/generator/adversarial": Curve(steps, 1.8 + 0.1 * noise[2]),
        "logits/real": Curve(steps, 1.5 + 0.1 * noise[3]),
        "logits/generated": Curve(steps, -1.5 + 0.1 * noise[4]),
        "gradient/generator": Curve(steps, 10 + noise[5]),
        "gradient/discriminator": Curve(steps, np.full(len(steps), 5.0)),
    }
    classes = [f"kind {number}" for number in range(10)]
    return Record(
        Path("run"),
        "run",
        log,
        tuple(measurement(step, random) for step in STEPS),
        DATA,
        "dcgan",
        USUAL,
        USUAL,
        {"spec": {"classes": classes}},
    )


Change = Callable[[Record], Record]


def measured(start: int = 0, /, **changed: object) -> Change:
    """Measurements that have these values from a step on; a function gets the step. "__" stands for "/"."""

    def change(record: Record) -> Record:
        values = {name.replace("__", "/"): value for name, value in changed.items()}
        sick = tuple(
            one | {name: value(one["step"]) if callable(value) else value for name, value in values.items()}
            if one["step"] >= start
            else one
            for one in record.measurements
        )
        return replace(record, measurements=sick)

    return change


def data(**changed: object) -> Change:
    values = {name.replace("__", "/"): value for name, value in changed.items()}
    return lambda record: replace(record, data={**record.data, **values})


def logged(**changed: Callable[[np.ndarray], np.ndarray]) -> Change:
    def change(record: Record) -> Record:
        values = {name.replace("__", "/"): function for name, function in changed.items()}
        return replace(
            record, log={**record.log, **{name: Curve(record.log[name].steps, f(record.log[name].steps)) for name, f in values.items()}}
        )

    return change


def settings(**changed: object) -> Change:
    return lambda record: replace(record, settings={**record.settings, **changed})


def of(network: str, value: float) -> Mapping[str, float]:
    return {name: value if name.startswith(network) else 0.006 for name in WEIGHTS}


def lacking(*places: int) -> list[float]:
    shares = np.full(10, 1 / (10 - len(places)))
    shares[list(places)] = 0
    return shares.tolist()


FORTH = np.random.default_rng(1).normal(size=(17, 32)).cumsum(axis=0)
FAILURES: dict[str, tuple[tuple[Change, ...], int | None]] = {
    # a name of the finding (after it, what tells cases apart), what makes the healthy record sick, and since when that is
    "value range": ((data(minimum=0.004, maximum=0.996),), 0),
    "value range, 255": ((data(minimum=0.0, maximum=255.0),), 0),
    "value range, pale": ((data(minimum=-0.02, maximum=0.02, pairwise_distance=0.014),), 0),
    "value range, half": ((data(minimum=-0.5, maximum=0.5),), 0),
    "uninformative labels, of points": (
        (data(label_agreement=0.12, label_agreement__by_chance=0.125, shape=[2]), settings(condition="concatenate")),
        0,
    ),
    "uninformative labels": ((data(label_agreement=0.11), settings(condition="projection")), 0),
    "near duplicates": ((data(near_duplicates=0.9),), 0),
    "near duplicates, alike": ((data(pairwise_distance=0.003),), 0),
    "few images": ((data(count=30, holdout=1),), 0),
    "data loading": ((measured(900, auc__real_vs_generated=0.02, auc__holdout_vs_generated=0.02, diversity=0.1, coverage=0.02),), 900),
    "frozen network": ((measured(relative_updates=of("generator", 0.0)),), 0),
    "batch norm mixing": ((measured(0, auc__real_vs_generated=0.55, logit__real=0.1, logit__generated=0.05),), 0),
    "learning rate, high": ((measured(relative_updates=of("generator", 0.05)), settings(learning_rate=2e-3)), 0),
    "learning rate, high by its steps alone": ((measured(relative_updates=of("", 0.2)),), 0),
    "learning rate, high, of small steps": (
        (measured(relative_updates=of("generator", 0.01), coverage=0.2), settings(learning_rate=4e-3)),
        0,
    ),
    "learning rate, a few times the recipe's": (
        (measured(relative_updates=of("generator", 0.04), coverage=0.2), settings(learning_rate=1e-3)),
        0,
    ),
    "learning rate, so high that the generator died": (
        (
            measured(relative_updates=of("generator", 0.0), relative_gradients=of("generator", 0.0), diversity=0.0),
            logged(gradient__generator=lambda steps: np.where(steps == 50, 4.0, 0.0)),
        ),
        0,
    ),
    "learning rate, a twentieth": ((measured(relative_updates=of("", 0.0045)), settings(learning_rate=1e-5)), 0),
    "learning rate, low": ((measured(relative_updates=of("", 0.0005)), settings(learning_rate=2e-5)), 0),
    "not finite": ((lambda record: replace(record, ending={"reason": "not finite", "step": 700, "message": "loss = nan"}),), 700),
    "no progress": ((measured(coverage=0.01, nearest_real=0.8, precision=0.02, auc__real_vs_generated=0.97),), 0),
    "not finite, in the samples": ((measured(700, nearest_real=math.inf, diversity=math.nan),), 700),
    "not finite, in the log": ((logged(loss__generator__adversarial=lambda steps: np.where(steps > 1000, np.inf, 1.0)),), 1050),
    "divergence": ((logged(logits__real=lambda steps: np.exp(steps / 150)),), 1250),  # half of the median of the last third, that at 1350
    "divergence, of a critic without bounds": ((settings(objective="wasserstein"),), None),
    "oscillation": ((measured(0, coverage=0.2, projection=lambda step: FORTH[step // 100].tolist()),), None),
    "vanishing gradients": (
        (
            measured(500, auc__real_vs_generated=1.0, coverage=0.01, logit__generated=-12.0, diversity=0.4),
            logged(gradient__generator=lambda steps: np.where(steps >= 500, 0.01, 10)),
        ),
        500,
    ),
    "weak discriminator": ((measured(400, auc__real_vs_generated=0.45, coverage=0.0, relative_updates=of("discriminator", 1e-6)),), 400),
    "mode collapse": ((measured(800, diversity=0.1, coverage=0.02, modes=lacking(*range(1, 10))),), 800),
    "mode collapse, an image for each class": ((measured(600, near_duplicates=1.0), settings(condition="concatenate")), 0),
    "mode collapse, few images": ((measured(700, nearest_sample=0.05),), 700),
    "missing modes": ((measured(600, modes=lacking(2, 3, 5, 7)),), 600),
    "discriminator overfitting": ((measured(900, auc__training_vs_holdout=0.8),), 900),
    "memorization": ((measured(1000, nearest_real=0.05), data(count=500)), 1000),
    "dead layers": ((measured(300, constant_channels={"generator.layers.2": 1.0}),), 300),
    "exploding weights": ((measured(spectral_norms=lambda step: dict.fromkeys(WEIGHTS, float(np.exp(step / 250)))),), None),
    "checkerboard artifacts": ((measured(700, checkerboard=0.2),), 700),
    "saturated samples": ((measured(600, saturation=0.9),), 600),
    "noise": ((measured(400, sheet__noise=0.97),), 0),
    "ignored classes": ((measured(class_agreement=0.2), settings(condition="concatenate")), 0),
    "forgetting": ((measured(1200, coverage=0.12),), 1200),
}


def sick(case: str) -> Record:
    record = healthy()
    for change in FAILURES[case][0]:
        record = change(record)
    return record


def test_nothing_is_found_in_a_healthy_training() -> None:
    assert diagnose(healthy()) == ()


def test_nothing_is_found_where_nothing_is_known() -> None:
    assert diagnose(Record(Path("run"), "run")) == ()
    young = healthy()
    assert diagnose(replace(young, measurements=young.measurements[:1], log={})) == ()


@pytest.mark.parametrize("case", FAILURES)
def test_each_failure_is_the_first_finding(case: str) -> None:
    name, since = case.partition(",")[0], FAILURES[case][1]
    found = diagnose(sick(case))
    assert found[0].name == name
    assert found[0].severity != "note"
    assert found[0].evidence
    assert all(found[0].evidence)
    assert found[0].remedies
    assert 0.5 < found[0].confidence <= 1
    if since is not None:
        assert found[0].since == since
    others = {finding.name for finding in found[1:] if finding.severity != "note"}
    assert others <= BRINGS_ABOUT.get(name, set()) | ({"few images"} if name == "memorization" else set())


def test_every_rule_has_a_failure_that_it_finds() -> None:
    elsewhere = {"pairs wrong", "category lost", "rare category inflated", "copied rows"}  # tests/tables/test_table_health.py
    elsewhere |= {"posterior collapse", "worse than uniform", "overfitting likelihood", "round trip error"}
    elsewhere |= {"singular convolution", "encoder finds nothing"}  # tests/explicit/test_explicit_health.py
    elsewhere |= {"no memory", "seasonality lost", "paths alike", "explodes"}  # tests/series/test_series_health.py
    elsewhere |= {"codes lost", "codes independent", "codes per patient wrong", "copied patients"}  # tests/records/test_record_health.py
    elsewhere |= {"products lost", "purchases independent", "season lost"}  # tests/orders/test_order_health.py
    elsewhere |= {"same sequence", "sequences alike", "repeated tokens", "never ends"}  # tests/sequences/test_sequence_health.py
    elsewhere |= {"invalid molecules", "molecules alike", "molecules in pieces"}  # tests/sequences/test_molecules_health.py
    elsewhere |= {"rewordings same", "rewordings copy", "rewordings astray"}  # tests/sequences/test_rewording_health.py
    elsewhere |= {"silent music", "notes everywhere", "same phrase", "empty bars", "fragmented notes"}  # tests/music/test_music_health.py
    elsewhere |= {"copied phrases"}
    assert {case.partition(",")[0] for case in FAILURES} == set(NAMES) - elsewhere
    assert len(RULES) == len(NAMES)


@pytest.mark.parametrize("case", ["mode collapse", "vanishing gradients", "oscillation", "discriminator overfitting", "missing modes"])
def test_a_failure_that_is_over_is_no_longer_found(case: str) -> None:
    record = sick(case)
    well = healthy()
    recovered = replace(record, measurements=(*record.measurements[:10], *well.measurements[10:]), log=well.log)
    assert case not in {finding.name for finding in diagnose(recovered)}


def test_a_late_collapse_is_found_in_two_of_three_measurements_and_one_that_dissolves_is_not() -> None:
    late = measured(1400, nearest_sample=0.05)(healthy())
    assert [(finding.name, finding.since) for finding in diagnose(late)] == [("mode collapse", 1400)]
    assert diagnose(measured(1500, nearest_sample=0.05)(healthy()))[0].name == "mode collapse"
    assert diagnose(measured(1600, nearest_sample=0.05)(healthy())) == ()
    assert diagnose(measured(0, nearest_sample=lambda step: 0.14 * step / 1600)(healthy())) == ()


def test_the_recent_is_the_last_third_of_the_way() -> None:
    def recent(*steps: int) -> list[int]:
        return Curve(np.array(steps, np.int64), np.zeros(len(steps))).recent.steps.tolist()

    assert recent() == []
    assert recent(5) == [5]
    assert recent(5, 9) == [5, 9]
    assert recent(1, 2, 3, 4, 90) == [3, 4, 90]
    assert recent(*range(0, 91, 10)) == [60, 70, 80, 90]
    assert recent(*range(15), 900) == [11, 12, 13, 14, 900], "five, though a single one is of the last third"


def test_a_record_until_a_step_knows_nothing_of_later() -> None:
    record = replace(healthy(), ending={"reason": "not finite", "step": 1650, "message": "x"}, sheets=((0, Path("a")), (900, Path("b"))))
    then = record.until(850)
    assert (then.last_step, then.measurements[-1]["step"], then.sheets, then.ending) == (850, 800, ((0, Path("a")),), {})
    assert record.until(1600).ending == {}
    assert record.until(1650).ending == record.ending


def test_the_last_remedy_is_another_objective_than_the_present_one() -> None:
    for ladder in (against_vanishing_gradients, against_mode_collapse):
        settings = [remedy.settings for remedy in ladder(healthy())]
        assert [one.get("objective") for one in settings][-1] == "wasserstein"
        assert settings[-1]["discriminator_norm"] == "none", "a penalty on each image's gradient"
        played = replace(healthy(), settings={**USUAL, **settings[-1]})
        assert all(remedy.settings.get("objective") != "wasserstein" for remedy in ladder(played))


def test_no_two_remedies_have_the_same_settings() -> None:
    """Where the relativistic game is played at a high rate, to play it is to take the recipe's own rate."""
    fast = {**USUAL, "objective": "relativistic", "r1": 0.05, "r2": 0.05, "betas": [0.0, 0.99], "learning_rate": 2e-3}
    record = replace(healthy(), settings={**fast, "discriminator_norm": "none"})
    settings = [remedy.settings for remedy in against_mode_collapse(record)]
    assert settings[0] == {"learning_rate": 2e-4}
    assert all(one not in settings[:place] for place, one in enumerate(settings))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("vanishing gradients", measured(80_000, auc__real_vs_generated=1.0, coverage=0.01, logit__generated=-12.0)),
        ("weak discriminator", measured(80_000, auc__real_vs_generated=0.45, coverage=0.0)),
        ("discriminator overfitting", measured(80_000, auc__training_vs_holdout=0.8)),
        ("memorization", measured(80_000, nearest_real=0.05)),
        ("checkerboard artifacts", measured(80_000, checkerboard=0.2)),
    ],
)
def test_a_failure_late_in_a_long_training_is_found_before_a_third_of_it_is_lost(name: str, change: Change) -> None:
    """Checkups get rarer: those of the last third of the way are few, and a third of all would reach back to a tenth of it."""
    random = np.random.default_rng(0)
    steps = [step for step in range(100, 100_001, 100) if measurement_due(step)]
    long = replace(healthy(), measurements=tuple(measurement(step, random) for step in steps))
    assert diagnose(long) == ()
    found = diagnose(change(long))
    assert found[0].name == name
    assert found[0].since is not None
    assert 80_000 <= found[0].since < 90_000


def test_hopping_samples_are_found_however_far_measurements_are_apart() -> None:
    random = np.random.default_rng(0)
    steps = [step for step in range(100, 20_001, 100) if measurement_due(step)]
    places = {step: (random.normal(size=32) / 2**0.5).tolist() for step in steps}
    long = replace(healthy(), measurements=tuple(measurement(step, random) for step in steps))
    found = diagnose(measured(0, coverage=0.2, projection=places.__getitem__)(long))
    assert [finding.name for finding in found] == ["oscillation"]
    assert any("From one measurement to the next it is 1" in sentence or "it is 0.9" in sentence for sentence in found[0].evidence)
    calm = {step: (0.3 * np.array(place)).tolist() for step, place in places.items()}
    assert diagnose(measured(0, coverage=0.2, projection=calm.__getitem__)(long)) == ()


def test_a_game_is_not_judged_by_its_first_samples() -> None:
    record = measured(0, diversity=0.05, coverage=0.0, auc__real_vs_generated=0.5)(healthy())
    assert {finding.name for finding in diagnose(record)} >= {"mode collapse"}
    assert diagnose(replace(record, measurements=record.measurements[:2], log={})) == ()


def test_causes_come_before_what_they_bring_about() -> None:
    record = measured(0, auc__real_vs_generated=0.3, coverage=0.0, diversity=0.03, relative_updates=of("discriminator", 1e-6))(healthy())
    names = [finding.name for finding in diagnose(record)]
    assert names[0] == "weak discriminator"
    assert "mode collapse" in names
    assert diagnose(record)[names.index("mode collapse")].because_of == ("learning rate", "weak discriminator")


def test_healthy_variations_are_not_findings() -> None:
    def found(*changes: Change) -> list[tuple[str, str]]:
        record = healthy()
        for change in changes:
            record = change(record)
        return [(finding.name, finding.severity) for finding in diagnose(record)]

    told = settings(condition="projection")
    assert found(told, data(label_agreement=0.62, label_agreement__by_chance=0.5)) == [], "classes that pixels show faintly"
    assert found(told, data(label_agreement=0.03, label_agreement__by_chance=0.005)) == []
    assert found(told, measured(class_agreement=0.7)) == []
    assert found(told, measured(class_agreement=0.2), data(label_agreement=0.11)) == [("uninformative labels", "severe")], (
        "where labels say nothing"
    )
    assert found(measured(class_agreement=0.1)) == [], "where none is told"
    assert found(data(count=150)) == [("few images", "warning")]
    assert found(data(count=150), settings(augment="ada")) == [("few images", "note")], "what can be done is done"
    assert found(data(count=90), settings(augment="ada")) == [("few images", "severe")]
    mixing = measured(0, auc__real_vs_generated=0.55, logit__real=0.1, logit__generated=0.05)
    assert found(mixing, settings(batch_size=4)) == []
    assert found(mixing, settings(batch_size=16)) == [("batch norm mixing", "severe")]
    fast = (measured(relative_updates=of("generator", 0.03)), settings(learning_rate=1.6e-3, batch_size=2048))
    assert found(*fast, lambda record: replace(record, defaults={**USUAL, "batch_size": 128})) == [], (
        "eight times, with sixteen times the batch"
    )
    assert found(*fast, lambda record: replace(record, defaults={**USUAL, "batch_size": 2048})) == [("learning rate", "severe")]
    assert found(measured(1200, coverage=0.25)) == [], "half of what it was"
    near = measured(nearest_real=0.05)
    young = lambda record: replace(record, measurements=record.measurements[:5], log={})  # noqa: E731
    assert found(near, young) == []
    assert found(near, young, data(count=2000, measured=1024)) == [("memorization", "severe")]


def test_few_samples_in_a_measurement_are_no_evidence() -> None:
    """Of large images, and of many classes: then kinds are absent, and ranks apart, by chance."""
    absent, learned = measured(600, modes=lacking(2, 3, 5, 7)), measured(900, auc__training_vs_holdout=0.7)
    for change, name in ((absent, "missing modes"), (learned, "discriminator overfitting")):
        assert [finding.name for finding in diagnose(change(healthy()))] == [name]
        assert diagnose(data(discriminator_images=8)(change(healthy()))) == ()


def test_a_curable_finding_has_settings_that_change_something() -> None:
    record = settings(objective="saturating", learning_rate=2e-3, discriminator_steps=5)(healthy())
    for remedies in (
        against_vanishing_gradients,
        against_weak_discriminator,
        against_mode_collapse,
        against_non_convergence,
        against_overfitting,
        change_learning_rates,
    ):
        ladder = [remedy for remedy in remedies(record) if remedy.settings]
        assert ladder, remedies.__name__
        for remedy in ladder:
            assert all(record.settings[name] != value for name, value in remedy.settings.items()), remedy
    assert against_vanishing_gradients(record)[0].settings == {
        "objective": "non-saturating",
        "learning_rate": 2e-4,
        "discriminator_steps": 1,
    }
    assert change_learning_rates(record)[0].settings == {"learning_rate": 2e-4}
    assert change_learning_rates(healthy())[0].settings == {"learning_rate": 5e-5}


def test_a_single_outlier_neither_makes_nor_ends_a_finding() -> None:
    series = Curve(np.arange(6), np.array([0.0, 1, 1, 0, 1, 1]))
    assert series.holds_since(lambda values: values > 0.5) == 1
    assert Curve(np.arange(4), np.array([1.0, 1, 1, 0])).holds_since(lambda values: values > 0.5) is None
    assert "mode collapse" not in {finding.name for finding in diagnose(measured(1600, diversity=0.01)(healthy()))}


def from_losses(discriminator: Callable[[np.ndarray], np.ndarray], generator: Callable[[np.ndarray], np.ndarray]) -> Record:
    steps = np.arange(0, 3000, 10)
    log = {"loss/discriminator": Curve(steps, discriminator(steps)), "loss/generator": Curve(steps, generator(steps))}
    return Record(Path("losses.csv"), "losses", log)


def test_losses_alone_show_a_discriminator_that_wins_and_numbers_that_grow() -> None:
    won = from_losses(lambda steps: np.exp(-steps / 300), lambda steps: 1 + steps / 400)
    assert [finding.name for finding in diagnose(won)] == ["vanishing gradients"]
    grown = from_losses(lambda steps: -np.exp(steps / 400), lambda steps: np.exp(steps / 400))
    assert diagnose(grown)[0].name == "divergence"
    broken = from_losses(lambda steps: np.where(steps > 2000, np.nan, 1.0), lambda steps: np.ones(len(steps)))
    assert diagnose(broken)[0].name == "not finite"
    for other in (1.0, 3.2):  # of least squares, of a hinge
        beaten = from_losses(lambda steps: np.exp(-steps / 300), lambda steps, other=other: other + 0.01 * np.sin(steps))
        assert [finding.name for finding in diagnose(beaten)] == ["vanishing gradients"]
    fooled = from_losses(lambda steps: 1.5 + steps / 1000, lambda steps: 0.02 + 0.005 * np.sin(steps) + np.exp(-steps / 100))
    assert [finding.name for finding in diagnose(fooled)] == ["weak discriminator"]
    same = from_losses(lambda steps: np.full(len(steps), 1.3863), lambda steps: np.full(len(steps), 0.6931))
    assert [finding.name for finding in diagnose(same)] == ["frozen network"]
    assert [finding.name for finding in diagnose(from_losses(lambda steps: 0.0 * steps, lambda steps: 0.0 * steps))] == ["frozen network"]
    critic = replace(from_losses(lambda steps: 0.03 + 0.0 * steps, lambda steps: steps / 20.0), data_config={"critic": True})
    assert diagnose(critic) == ()
    swinging = from_losses(lambda steps: np.ones(len(steps)), lambda steps: 1 + (steps / 500) ** 2 * np.sin(steps / 37))
    assert diagnose(swinging)[0].name == "oscillation"
    assert diagnose(from_losses(lambda steps: 1.2 + 0.1 * np.sin(steps), lambda steps: 0.9 + 0.1 * np.cos(steps))) == ()


def test_sheets_alone_show_samples_that_are_all_the_same_and_games_that_go_round() -> None:
    def of_sheets(**changed: Callable[[int], float]) -> Record:
        usual = {"sheet/spread": lambda step: 0.4, "sheet/movement": lambda step: 20 / (step + 40), "sheet/return": lambda step: 1.0}
        values = usual | {f"sheet/{name}": value for name, value in changed.items()}
        return Record(
            Path("samples"),
            "samples",
            measurements=tuple({"step": step, **{n: v(step) for n, v in values.items()}} for step in range(0, 1200, 100)),
        )

    assert diagnose(of_sheets()) == ()
    same = diagnose(of_sheets(spread=lambda step: 0.4 if step < 600 else 0.02))
    assert [(finding.name, finding.since) for finding in same] == [("mode collapse", 600)]
    always = diagnose(of_sheets(spread=lambda step: 0.004))
    assert [(finding.name, finding.since) for finding in always] == [("mode collapse", 0)]
    few = diagnose(of_sheets(near_duplicates=lambda step: 0.95 if step >= 400 else 0.1))
    assert [(finding.name, finding.since) for finding in few] == [("mode collapse", 400)]
    assert [finding.name for finding in diagnose(of_sheets(movement=lambda step: 0.3, **{"return": lambda step: 0.05}))] == ["oscillation"]


@pytest.mark.parametrize("case", ["missing modes", "oscillation"])
def test_a_young_game_is_not_blamed_for_what_it_has_not_learned_yet(case: str) -> None:
    record = sick(case)
    young = diagnose(replace(record, measurements=tuple(one for one in record.measurements if one["step"] < 1000), log={}))
    assert [finding.severity for finding in young] in ([], ["note"])


def test_samples_that_are_alike_from_the_start_are_a_collapse_when_a_game_has_had_its_time() -> None:
    """An lsgan that came to nine tenths of the data's diversity had 0.05, 0.03, 0.03, 0.02, 0.04 in its first five measurements."""

    def told(record: Record, until: int) -> list[str]:
        young = replace(record, measurements=tuple(one for one in record.measurements if one["step"] <= until), log={})
        return [finding.severity for finding in diagnose(young) if finding.name == "mode collapse"]

    stuck = measured(0, diversity=0.03, coverage=0.0)(healthy())
    assert [told(stuck, until) for until in (500, 900, 1000)] == [["note"], ["note"], ["severe"]]
    lost = measured(0, diversity=lambda step: 0.6 if step < 300 else 0.03)(healthy())
    assert told(lost, 500) == ["severe"]


def test_layers_that_are_to_grow_yet_are_not_frozen() -> None:
    none_yet = {name: 0.0 if ".2." in name else 0.006 for name in WEIGHTS}
    record = measured(relative_updates=none_yet, relative_gradients=none_yet)(healthy())
    assert diagnose(record)[0].name == "frozen network"
    assert diagnose(settings(stable_samples=1000)(record)) == ()


def test_a_generator_that_stopped_is_frozen_since_then() -> None:
    found = diagnose(measured(900, relative_updates=of("generator", 0.0))(healthy()))
    assert (found[0].name, found[0].since) == ("frozen network", 900)


def test_rates_are_not_compared_across_optimizers_nor_by_mappings() -> None:
    assert diagnose(settings(optimizer="sgd", learning_rate=0.1)(healthy())) == ()
    slow = dict.fromkeys((f"generator.mapping.{number}.weight" for number in range(9)), 1e-5)
    record = measured(
        relative_updates={**of("", 0.006), **slow},
        spectral_norms=dict.fromkeys((*WEIGHTS, *slow), 1.0),
        relative_gradients=dict.fromkeys((*WEIGHTS, *slow), 0.1),
    )
    assert diagnose(record(healthy())) == ()


def test_logits_that_drift_together_are_no_divergence_where_only_differences_count() -> None:
    def away(record: Record) -> Record:
        return logged(logits__real=lambda steps: -steps / 10.0, logits__generated=lambda steps: -steps / 10.0 - 1.5)(record)

    assert diagnose(away(settings(objective="wasserstein", gradient_penalty=10.0)(healthy()))) == ()
    assert diagnose(away(settings(objective="relativistic")(healthy()))) == ()
    assert diagnose(away(healthy()))[0].name == "divergence"
    assert diagnose(settings(objective="wasserstein", r1=None)(healthy())) == ()


@pytest.fixture
def quartic(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Change]:
    """Gives the settings of an objective that nobody knows by name, with these attributes."""

    def described(**attributes: bool) -> Change:
        known = OBJECTIVES["hinge"]
        monkeypatch.setitem(OBJECTIVES, "quartic", replace(known, **attributes))
        return settings(objective="quartic")

    return described


def test_an_objective_is_judged_by_its_attributes_and_not_by_its_name(quartic: Callable[..., Change]) -> None:
    def first(*changes: Change) -> str:
        record = healthy()
        for change in changes:
            record = change(record)
        return next((finding.name for finding in diagnose(record)), "nothing")

    assert first(quartic()) == "nothing"
    unbounded = first(quartic(is_critic=True))
    assert unbounded == "divergence"
    assert first(quartic(is_critic=True), settings(gradient_penalty=10.0)) == "nothing"
    assert against_non_convergence(quartic(is_critic=True)(healthy()))[0].settings["gradient_penalty"] == 10.0
    # logits that drift together, of which only differences count for critics and for objectives that compare
    drift = logged(logits__real=lambda steps: -steps / 10.0, logits__generated=lambda steps: -steps / 10.0 - 1.5)
    assert first(drift, quartic()) == "divergence"
    assert first(drift, quartic(compares=True)) == "nothing"
    assert first(drift, quartic(is_critic=True), settings(r1=1.0)) == "nothing"
    # a critic's losses have no zero
    won = from_losses(lambda steps: np.exp(-steps / 300), lambda steps: 1 + steps / 400)
    assert diagnose(quartic()(won))[0].name == "vanishing gradients"
    assert diagnose(settings(gradient_penalty=10.0)(quartic(is_critic=True)(won))) == ()
    # logits far below zero say that the discriminator is sure, where they are log-odds
    sure = measured(auc__real_vs_generated=1.0, coverage=0.01, logit__generated=-12.0)
    assert first(sure, quartic()) == "nothing"
    assert first(sure, quartic(has_log_odds=True)) == "vanishing gradients"
    assert against_vanishing_gradients(quartic(generator_saturates=True)(healthy()))[0].settings["objective"] == "non-saturating"


def test_a_rate_is_measured_by_the_game_that_is_played() -> None:
    assert CGAN().learning_rate == COMPARED_PAIRS_RATE, "the doctor's advice, and cgan's own"
    large = measured(relative_updates={**of("generator", 0.06), **of("discriminator", 0.06)})
    advised = settings(objective="relativistic", r1=0.1, r2=0.1, learning_rate=1e-3)
    assert diagnose(large(advised(healthy()))) == ()
    assert diagnose(large(settings(learning_rate=1e-3)(healthy())))[0].name == "learning rate"
    ten = settings(objective="relativistic", r1=0.1, r2=0.1, learning_rate=1e-2)
    assert diagnose(large(ten(healthy())))[0].name == "learning rate"


@pytest.mark.parametrize("larger", [1, 25, 64])
def test_the_recipes_own_rate_is_not_too_low_however_large_the_batch(larger: int) -> None:
    batch = settings(batch_size=larger * USUAL["batch_size"])
    small = measured(relative_updates={**of("generator", 0.0025), **of("discriminator", 0.0025)})
    assert diagnose(small(batch(healthy()))) == ()
    slower = settings(batch_size=larger * USUAL["batch_size"], learning_rate=USUAL["learning_rate"] / 10)
    assert diagnose(small(slower(healthy())))[0].name == "learning rate"


def test_images_of_little_contrast_are_a_note() -> None:
    drawings, xrays, faint = (data(minimum=low, maximum=high)(healthy()) for low, high in ((0.02, 0.96), (-0.53, 0.49), (-0.1, 0.1)))
    assert [(finding.name, finding.severity) for finding in diagnose(drawings)] == [("value range", "note")]
    assert [(finding.name, finding.severity) for finding in diagnose(xrays)] == [("value range", "note")]
    assert diagnose(faint)[0].severity == "severe"


def test_slight_overfitting_is_a_note_in_a_young_game() -> None:
    told = measured(auc__training_vs_holdout=0.66)(healthy())
    assert [(finding.name, finding.severity) for finding in diagnose(told.until(500))] == [("discriminator overfitting", "note")]
    assert [(finding.name, finding.severity) for finding in diagnose(told)] == [("discriminator overfitting", "warning")]
    much = measured(auc__training_vs_holdout=0.8)(healthy())
    assert [finding.severity for finding in diagnose(much.until(500))] == ["severe"]


def test_modes_that_are_generated_by_now_are_not_missing() -> None:
    lacking, whole = [0.0] * 5 + [0.2] * 5, [0.1] * 10
    missing = measured(0, modes=lacking)(healthy())
    assert diagnose(missing)[0].name == "missing modes"
    assert diagnose(measured(1600, modes=whole)(missing)) == ()


def test_a_discriminator_that_is_fooled_in_training_too_is_shown_the_data() -> None:
    fooled = logged(logits__real=lambda steps: np.full(len(steps), -2.0))(sick("data loading"))
    assert "data loading" not in {finding.name for finding in diagnose(fooled)}


def test_a_norm_that_mixes_batches_does_so_from_the_start() -> None:
    """Told in batches of one kind at first, and then preferred the wrong way round, with batch norm and without."""
    for batch_norm in (True, False):
        always = measured(batch_norm=batch_norm, auc__real_vs_generated=0.02, logit__real=-1.0, logit__generated=1.0)(healthy())
        assert diagnose(always)[0].name == ("batch norm mixing" if batch_norm else "data loading")
        later = measured(900, auc__real_vs_generated=0.02, logit__real=-1.0, logit__generated=1.0)(
            measured(batch_norm=batch_norm)(healthy())
        )
        assert diagnose(later)[0].name == "data loading"
        assert "batch norm mixing" not in {finding.name for finding in diagnose(later)}


def test_a_discriminator_that_hinge_losses_ask_nothing_of_is_not_frozen() -> None:
    still = measured(relative_updates=of("discriminator", 0.0), relative_gradients=of("discriminator", 0.0))
    assert "frozen network" not in {finding.name for finding in diagnose(still(healthy()))}, "now and then a gradient comes"
    never = logged(gradient__discriminator=lambda steps: np.zeros(len(steps)))
    assert diagnose(never(still(healthy())))[0].name == "frozen network"


def test_layers_that_die_later_under_a_high_rate_were_killed_by_it() -> None:
    high = settings(learning_rate=4e-3)(measured(relative_updates=of("generator", 0.05))(healthy()))
    dead = {"generator.layers.2": 1.0}
    later, always = measured(300, constant_channels=dead)(high), measured(constant_channels=dead)(high)
    assert [finding.name for finding in diagnose(later)] == ["learning rate", "dead layers"]
    assert [finding.name for finding in diagnose(always)] == ["dead layers", "learning rate"]
    assert diagnose(later)[1].because_of == ("learning rate",)


def test_classes_that_are_not_generated_when_asked_for_are_missing_modes() -> None:
    """Six classes of ten are drawn as asked. What is drawn for the others looks like any class, so that none of them is rare."""
    as_asked = measured(class_agreement=0.4, class_agreement__by_class=[0.6] * 6 + [0.1] * 4)
    record = data(label_agreement__by_class=[0.7] * 10)(as_asked(healthy()))
    assert diagnose(record) == (), "nobody asked"
    found = diagnose(settings(condition="concatenate")(record))
    assert [(finding.name, finding.severity) for finding in found] == [("missing modes", "warning")]
    assert "(kind 6, kind 7, kind 8, kind 9)" in found[0].summary
    assert "10% are nearest to a real image of their class. Of other real images 70% are" in found[0].evidence[1]
    unlike = data(label_agreement__by_class=[0.7] * 6 + [0.2] * 4)(record)  # whose own images are nearer to others'
    assert diagnose(settings(condition="concatenate")(unlike)) == ()


def test_packs_have_one_logit() -> None:
    told = measured(auc__training_vs_holdout=0.64)  # of 128 images twice, three standard errors are 0.11; of 16 packs of 8 twice 0.31
    assert diagnose(told(healthy()))[0].name == "discriminator overfitting"
    assert diagnose(settings(packing=8)(told(healthy()))) == ()


def test_a_gradient_vanishes_relative_to_its_usual_early_size() -> None:
    sure = measured(auc__real_vs_generated=1.0, coverage=0.05)(healthy())
    spike = logged(gradient__generator=lambda steps: np.where(steps == 50, 40.0, 3.0))
    assert "vanishing gradients" not in {finding.name for finding in diagnose(spike(sure))}
    falls = logged(gradient__generator=lambda steps: np.where(steps < 700, 40.0, 3.0))
    assert diagnose(falls(sure))[0].name == "vanishing gradients"


def test_few_images_that_are_augmented_have_no_remedy_in_settings() -> None:
    few = data(count=90, holdout=1)(healthy())
    assert any(remedy.settings for remedy in diagnose(few)[0].remedies)
    assert not any(remedy.settings for remedy in diagnose(settings(augment="diffaugment")(few))[0].remedies)


def test_a_weak_discriminator_under_a_penalty_gets_no_norm_back() -> None:
    weak = measured(auc__real_vs_generated=0.5, coverage=0.01)(settings(r1=0.1, r2=0.1, discriminator_norm="none")(healthy()))
    ladder = [remedy.settings for remedy in diagnose(weak)[0].remedies]
    assert {"discriminator_steps": 3} in ladder
    assert not any("discriminator_norm" in each for each in ladder)


def test_points_around_all_modes_are_on_their_way() -> None:
    around = data(shape=[2])(measured(auc__real_vs_generated=0.57, coverage=0.04, recall=0.95)(healthy()))
    assert [(finding.name, finding.severity) for finding in diagnose(around)] == [("weak discriminator", "note")]
    assert [finding.severity for finding in diagnose(measured(recall=0.1)(around))] == ["severe"]


def test_points_that_are_thrown_about_diverge_however_far_they_were_before() -> None:
    far = measured(nearest_real=15.0)(healthy())
    assert "divergence" not in {finding.name for finding in diagnose(far)}, "images of little contrast are as far from a fresh network's"
    assert diagnose(data(shape=[2])(far))[0].name == "divergence"
    assert "divergence" not in {finding.name for finding in diagnose(data(shape=[2])(measured(nearest_real=3.0)(healthy())))}


def test_a_critic_without_bounds_comes_before_what_it_brings_about() -> None:
    record = measured(diversity=0.001, coverage=0.0)(settings(objective="wasserstein")(healthy()))
    assert [finding.name for finding in diagnose(record)][:2] == ["divergence", "mode collapse"]


def test_few_images_of_one_style_are_no_finding_for_a_translator() -> None:
    record = data(count=30, near_duplicates=1.0, pairwise_distance=0.001)(healthy())
    assert diagnose(record)[0].name == "near duplicates"
    assert diagnose(replace(record, data_config={"pairing": {"target": "style.png"}})) == ()


def test_an_unsure_discriminator_is_a_note_in_a_young_game() -> None:
    unsure = dict(enumerate((0.5, 0.25, 0.63, 0.55)))
    record = measured(coverage=0.0, auc__real_vs_generated=lambda step: unsure.get(step // 100 - 1, 0.5))(healthy())
    assert [(finding.name, finding.severity) for finding in diagnose(record.until(400))] == [("weak discriminator", "note")]
    assert diagnose(record)[0].severity == "severe", "it has had its time"
    always = measured(coverage=0.0, auc__real_vs_generated=0.5)(healthy())
    assert diagnose(always.until(400))[0].severity == "severe"


def test_a_network_that_never_had_a_gradient_was_not_killed_by_its_rate() -> None:
    still = measured(relative_updates=of("generator", 0.0))
    never = logged(gradient__generator=lambda steps: np.zeros(len(steps)))
    assert diagnose(never(still(healthy())))[0].name == "frozen network"
    lost = logged(gradient__generator=lambda steps: np.where(steps < 300, 4.0, 0.0))
    assert diagnose(lost(still(healthy())))[0].name == "frozen network"


def test_points_are_already_in_float32() -> None:
    record = sick("not finite")
    assert "float32" in diagnose(record)[0].remedies[-1].action
    assert all("float32" not in remedy.action for remedy in diagnose(data(shape=[2])(record))[0].remedies)


def test_a_game_that_comes_nearer_has_progress() -> None:
    far = measured(coverage=0.01, precision=0.02, nearest_real=lambda step: 1.2 - step / 2000)
    assert diagnose(far(healthy())) == ()
    once = measured(coverage=lambda step: 0.2 if step == 600 else 0.01, precision=0.02, nearest_real=0.8)
    assert "no progress" not in {finding.name for finding in diagnose(once(healthy()))}


def test_clipped_weights_are_not_frozen_ones() -> None:
    record = measured(300, relative_updates=of("discriminator", 0.0))(healthy())
    assert diagnose(record)[0].name == "frozen network"
    assert "frozen network" not in {finding.name for finding in diagnose(settings(weight_clip=0.01)(record))}
    never = measured(relative_updates=of("discriminator", 0.0))(healthy())
    assert diagnose(settings(weight_clip=0.01)(never))[0].name == "frozen network"


def test_rates_are_judged_by_steps_and_by_samples() -> None:
    few_times = settings(learning_rate=1e-3)  # five times the recipe's own
    assert [one.severity for one in diagnose(few_times(measured(relative_updates=of("generator", 0.04))(healthy())))] == ["note"]
    lacking_coverage = few_times(measured(relative_updates=of("generator", 0.04), coverage=0.2)(healthy()))
    assert [one.severity for one in diagnose(lacking_coverage)] == ["warning"]
    assert "5 times the recipe's own" in diagnose(lacking_coverage)[0].evidence[1]
    slow = measured(relative_updates=of("", 0.0008))(healthy())
    assert diagnose(settings(learning_rate=1e-4)(slow)) == (), "half the rate of a recipe that takes small steps"


def test_both_networks_are_named_if_both_died() -> None:
    def at_first(steps: np.ndarray) -> np.ndarray:
        return np.where(steps == 50, 4.0, 0.0)

    died = logged(gradient__generator=at_first, gradient__discriminator=at_first)
    still = measured(relative_updates=of("", 0.0), relative_gradients=dict.fromkeys(WEIGHTS, 0.0), diversity=0.0)
    (first, *_) = diagnose(died(still(healthy())))
    assert (first.name, len(first.evidence)) == ("learning rate", 2)
    assert "discriminator and the generator" in first.summary
    saturated = settings(objective="saturating")(measured(relative_updates=of("generator", 0.0))(healthy()))
    lost = logged(gradient__generator=at_first)(saturated)
    assert diagnose(lost)[0].name == "frozen network"


def test_a_pattern_that_games_begin_with_is_a_note_while_they_are_young() -> None:
    record = measured(checkerboard=0.04)(healthy())
    assert [(finding.name, finding.severity) for finding in diagnose(record.until(500))] == [("checkerboard artifacts", "note")]
    assert [(finding.name, finding.severity) for finding in diagnose(record)] == [("checkerboard artifacts", "warning")]
    going = measured(checkerboard=lambda step: 0.27 * np.exp(-step / 600))(healthy())
    assert [(finding.name, finding.severity) for finding in diagnose(going.until(500))] == [("checkerboard artifacts", "warning")]
    in_little = measured(diversity=0.06)(going)  # the share of a pattern is large where there is nothing else yet
    assert [(finding.name, finding.severity) for finding in diagnose(in_little.until(500)) if finding.name == "checkerboard artifacts"] == [
        ("checkerboard artifacts", "note")
    ]
    strong = measured(checkerboard=0.16)(healthy())
    assert [(finding.name, finding.severity) for finding in diagnose(strong.until(500))] == [("checkerboard artifacts", "warning")]


def test_a_small_missing_mode_is_a_note() -> None:
    shares = [0.06, *[0.94 / 9] * 9]
    record = measured(modes=[0.0, *[1 / 9] * 9])(data(modes=shares, shape=[2])(healthy()))
    assert [(finding.name, finding.severity) for finding in diagnose(record)] == [("missing modes", "note")]
    more = measured(modes=[0.0, 0.0, *[1 / 8] * 8])(data(modes=shares, shape=[2])(healthy()))
    assert [(finding.name, finding.severity) for finding in diagnose(more)] == [("missing modes", "warning")]


def test_measurements_that_are_nan_are_no_evidence() -> None:
    nothing = dict.fromkeys(
        ("auc/real_vs_generated", "coverage", "diversity", "saturation", "checkerboard", "nearest_real", "auc/training_vs_holdout"),
        math.nan,
    )
    record = healthy()
    assert diagnose(replace(record, measurements=tuple({**one, **nothing} for one in record.measurements))) == ()


@pytest.mark.parametrize("name", [name for name in recipes.names() if issubclass(recipes.get(name), AdversarialRecipe)])
def test_recipes_take_the_remedies_that_are_offered(name: str) -> None:
    kind = recipes.get(name)
    usual = asdict(kind())
    spec = ImageSpec(32, 32, 1, tuple("abcdefghij"))
    refused = []
    for sick_settings in ({}, {"learning_rate": 20 * usual["learning_rate"]}, {"objective": "saturating"}):
        record = Record(Path("run"), "run", recipe=name, settings={**usual, **sick_settings}, defaults=usual)
        for remedies in (
            against_vanishing_gradients,
            against_weak_discriminator,
            against_mode_collapse,
            against_non_convergence,
            against_overfitting,
            change_learning_rates,
        ):
            for remedy in remedies(record):
                problems = replace(kind(), **{**sick_settings, **remedy.settings}).problems(spec)
                refused += [f"{remedy.action} {dict(remedy.settings)}: {problem}" for problem in problems]
    assert not refused, "\n".join(sorted(set(refused)))
