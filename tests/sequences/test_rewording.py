"""reword: scorers by folds, a writer around what is kept, and rewordings that are what they are said to be."""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.batch import Batch
from sparring.core.errors import DataError, SettingsError
from sparring.core.random_streams import Streams
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.evaluation.judge_rewordings import findings_of
from sparring.evaluation.rewording_page import with_marks
from sparring.games.rewording import RewordingGame, standardized, without
from sparring.games.step_context import StepContext
from sparring.games.text_scorers import TextScorers, features_of
from sparring.inference.model import Model
from sparring.inference.reword import ReadText, added_words, likeness, repeats, shared_words
from sparring.metrics.sequences.drawn_rewordings import drawn_signs
from sparring.metrics.sequences.nearest_text import NearestText
from sparring.metrics.sequences.ranking import log_odds_slope, ranking
from sparring.nets.rewriter import Rewriter, reversed_places
from support.cli import call as run_cli
from support.runs import same_run
from support.scored_titles import BAD, COLUMNS, GOOD, LEARNED, PLACES, SMALL, scored_titles, write_titles
from support.texts import COMMON, counting
from support.texts import write_titles as write_plain_titles

QUIET = Console(quiet=True)
TOKENS = tuple(f" {word}" for word in ["sunny", "dark", "room", "loft", "in", "Harlem", "for", "two", "2br", "near"])
SPEC = SequenceSpec("words", 6, TOKENS, ("low", "middle", "high"), ("harlem", "room", "loft"))


def game_of(spec: SequenceSpec = SPEC, **settings: object) -> RewordingGame:
    torch.manual_seed(0)
    game: Any = recipes.get("reword")(**{**SMALL, **settings}).build(spec)
    return game


def context_of(batch: Batch, step: int = 0) -> StepContext:
    return StepContext(lambda: batch, lambda: None, len(batch), Streams(0, step), step, 0)


def random_codes(n: int, seed: int = 0) -> torch.Tensor:
    random = np.random.default_rng(seed)
    codes = random.integers(1, len(TOKENS) + 1, (n, 6))
    codes[np.arange(6) >= random.integers(1, 7, n)[:, None]] = 0
    return torch.from_numpy(codes)


# ------------------------------------------------------------------------------------------------------------- metrics


def test_auc_is_the_share_of_pairs_in_order() -> None:
    random = np.random.default_rng(0)
    scores, positive = random.integers(0, 5, 60).astype(float), random.random(60) < 0.4
    pairs = [(a > b) + (a == b) / 2 for a in scores[positive] for b in scores[~positive]]
    found = ranking(scores, positive)
    assert found is not None
    assert found.auc == pytest.approx(np.mean(pairs))
    draws = [ranking(scores[some], positive[some]) for some in random.integers(0, 60, (400, 60))]
    spread = np.std([each.auc for each in draws if each is not None])
    assert found.standard_error == pytest.approx(spread, rel=0.25)
    assert ranking(scores, np.zeros(60, bool)) is None


def test_the_slope_tells_who_is_too_sure() -> None:
    x = np.repeat([-2.0, -1.0, 1.0, 2.0], 20_000)
    chance = 1 / (1 + np.exp(-(0.5 * x + 0.3)))
    happened = np.tile((np.arange(20_000) + 0.5) / 20_000, 4) < chance
    assert log_odds_slope(1 / (1 + np.exp(-x)), happened) == pytest.approx((0.5, 0.3), abs=2e-3)


def test_the_nearest_text_is_by_rare_words() -> None:
    texts = [["room", "in", "harlem"], ["room", "in", "soho"], ["room", "in", "soho"], ["loft"]]
    near = NearestText(texts)
    weight = {word: 1 + np.log(4 / sum(word in text for text in texts)) for word in ("room", "in", "harlem")}
    length = np.sqrt(sum(value**2 for value in weight.values()))
    assert near.cosines(["harlem"])[0] == pytest.approx(weight["harlem"] / length)
    assert near.cosines(["room", "in", "harlem"])[0] == pytest.approx(1)
    assert near.nearest(["soho", "room"]) == 1
    assert near.nearest(["room", "in", "soho"]) == 0  # not the same text


def test_signs_of_what_is_drawn() -> None:
    codes = np.array([[1, 2, 0], [3, 2, 0]])
    kept = np.array([False, True, False, True])
    drawn = np.array([[[1, 2, 0], [1, 0, 0]], [[2, 2, 3], [1, 3, 0]]])
    assert drawn_signs(codes, drawn, kept) == {"copies": 0.25, "most common": 0.25, "astray": 0.25}


# ------------------------------------------------------------------------------------------------------------- scorers


def test_features_of_a_word() -> None:
    assert len(features_of(" ab")) == 1 + 3 + 2 + 1  # the word; <a ab b>; <ab ab>; <ab>
    assert features_of(" AB") == features_of("ab")
    assert len(features_of("x" * 40)) == 1 + 48


def test_every_text_has_scorers_that_have_not_learned_from_it() -> None:
    scorers = TextScorers(TOKENS, SPEC.kept_tokens)
    codes = random_codes(600)
    learns, folds = scorers.learns(codes), scorers.folds(codes)
    assert folds.bincount(minlength=6).min() > 50
    assert not (learns[:, 0] & learns[:, 1:].any(dim=1)).any()  # guided by one half, expected by the other
    assert torch.equal(learns[:, 1:].sum(dim=1), torch.where(learns[:, 0], 0, 2))
    shouted = TextScorers([token.upper() for token in TOKENS], SPEC.kept_tokens)
    assert torch.equal(shouted.folds(codes), folds)
    padded = torch.cat([codes, torch.zeros(600, 3, dtype=torch.int64)], dim=1)
    assert torch.equal(scorers.folds(padded), folds)


def test_scorers_learn_from_their_own_texts_alone() -> None:
    game = game_of()
    codes = random_codes(400)
    learns = game.scorers.learns(codes)
    for own in (learns[:, 0], ~learns[:, 0] & ~learns[:, 2]):
        some = codes[own]
        labels = torch.arange(len(some)) % 3
        game.zero_grad()
        losses = game.play_scorers(context_of(Batch(some.float(), labels)))
        sum(each.sum() for each in losses.values()).backward()  # pyright: ignore[reportAttributeAccessIssue]
        assert game.scorers.weights.grad is not None
        moved = game.scorers.weights.grad.abs().sum(dim=0) > 0
        assert moved.tolist() == learns[own].any(dim=0).tolist()
        game.zero_grad()
        middle = game.play_scorers(context_of(Batch(some.float(), torch.ones(len(some), dtype=torch.int64))))
        assert all((each == 0).all() for each in middle.values())


def test_what_is_expected_is_by_scorers_that_have_not_seen_the_text() -> None:
    scorers = game_of().scorers
    codes = random_codes(200)
    with torch.no_grad():
        scorers.weights.normal_(generator=torch.manual_seed(0))
        before, learns = scorers.expected(codes), scorers.learns(codes)
        by_hand = torch.stack([row[1:][~own[1:]].mean() for row, own in zip(scorers(codes), learns, strict=True)]).sigmoid()
        assert torch.allclose(before, by_hand, atol=1e-6)
        scorers.weights[:, 0] += 1
        assert torch.equal(scorers.expected(codes), before)  # the guide says nothing
        scorers.weights[:, 2].normal_()
        changed = scorers.expected(codes) != before
    assert torch.equal(changed, ~learns[:, 2])


# -------------------------------------------------------------------------------------------------------------- writing


def test_reading_does_not_depend_on_what_is_after_the_end() -> None:
    torch.manual_seed(0)
    network = Rewriter(11, 3, 8, 12, 0.0).eval()
    codes = random_codes(5)
    alone, together = network.read(codes[:1]), network.read(codes)
    places = alone.values.shape[1]
    assert torch.allclose(alone.values[0], together.values[0, :places], atol=1e-6)
    assert not together.read[0, places:].any()
    assert torch.allclose(alone.content[0], together.content[0], atol=1e-6)
    assert network.read(torch.zeros(2, 4, dtype=torch.int64)).read.tolist() == [[True, False]] * 2


def test_one_step_at_a_time_is_all_steps_at_once() -> None:
    torch.manual_seed(0)
    network = Rewriter(11, 3, 8, 12, 0.0).eval()
    codes, condition = random_codes(4), torch.eye(3)[[0, 1, 2, 2]]
    memory = network.read(codes.flip(0))
    at_once = network.logits_of(network.states(codes, memory, condition)[1])
    state, before = network.first_state(memory, condition), torch.zeros(4, dtype=torch.int64)
    for place in range(6):
        logits, state = network.step(network.embedding(before), state, memory, condition)
        assert torch.allclose(logits, at_once[:, place], atol=1e-5)
        before = codes[:, place]


def test_places_turned_and_words_left_out() -> None:
    values = torch.arange(8.0).view(2, 4, 1)
    assert reversed_places(values, torch.tensor([3, 0]))[:, :, 0].tolist() == [[2, 1, 0, 3], [4, 5, 6, 7]]
    gone = torch.tensor([[True, False, True, False], [False, False, False, True]])
    assert without(torch.tensor([[1, 2, 3, 0], [4, 5, 6, 7]]), gone).tolist() == [[2, 0, 0, 0], [4, 5, 6, 0]]


def test_words_to_be_kept_are_never_left_out_and_counted_if_lost() -> None:
    game = game_of()
    codes = random_codes(100)
    kept = torch.tensor([False, *SPEC.kept_tokens])
    for step in range(3):
        gaps = game.with_gaps(codes, Streams(0, step))
        assert torch.equal(gaps[kept[gaps]], codes[kept[codes]])
        assert (gaps == 0).sum() > (codes == 0).sum()
    emptied = game.with_gaps(random_codes(2000), Streams(0, 0), nothing=0.3).sum(dim=1) == 0
    assert game.with_gaps(random_codes(2000), Streams(0, 0))[~emptied].equal(
        game.with_gaps(random_codes(2000), Streams(0, 0), nothing=0.3)[~emptied]
    )
    assert emptied.float().mean() > 0.28
    written = torch.tensor([[1, 3, 5, 6, 0, 0], [2, 3, 0, 0, 0, 0], [2, 4, 0, 0, 0, 0]])
    assert game.astray(torch.tensor([[1, 3, 5, 6, 0, 0]] * 3), written).tolist() == [0, 1, 3]


def test_rewards_move_by_their_covariance() -> None:
    logits = torch.tensor([0.2, -0.4, 0.9], requires_grad=True)
    rewards = torch.tensor([1.0, 3.0, -2.0])
    chances = logits.softmax(dim=0).detach()
    counts = (chances * 3000).round().long()
    drawn = torch.repeat_interleave(torch.arange(3), counts)
    (standardized(rewards[drawn]) * -logits.log_softmax(dim=0)[drawn]).mean().backward()
    shares = counts / counts.sum()
    exact = shares * (rewards - (shares * rewards).sum())  # the gradient of the mean reward
    deviation = ((shares * rewards**2).sum() - (shares * rewards).sum() ** 2).sqrt()
    assert logits.grad is not None
    assert torch.allclose(logits.grad, -exact / deviation, atol=2e-3)
    assert torch.equal(standardized(torch.ones(4)), torch.zeros(4))


def test_counting_from_0_to_19_is_learned() -> None:
    game = game_of(SequenceSpec("characters", 20, tuple("abcdefghijklmnopqrst"), ("low", "middle", "high")))
    optimizer = torch.optim.Adam(game.writer.parameters(), 0.02)
    batch = Batch(torch.from_numpy(counting(32).astype(np.float32)), torch.arange(32) % 3)
    for step in range(80):
        optimizer.zero_grad()
        game.play_reconstruct(context_of(batch, step))["reconstruction"].mean().backward()
        optimizer.step()
    assert (game.sample(60, seed=1).numpy() == counting(60)).all(axis=1).mean() > 0.95


def test_classes_that_only_expecting_scorers_may_see_are_hidden_from_the_game() -> None:
    game = game_of()
    codes = random_codes(300)
    known = game.known(codes, torch.full((300,), 2))
    assert torch.equal(known.sum(dim=1) > 0, game.shown_classes(codes))
    asked = game.other_class(known)
    assert (asked[known[:, 2] > 0] == torch.tensor([1.0, 0, 0])).all()
    assert (asked[known.sum(dim=1) == 0] == 0).all()
    low = game.other_class(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]]))
    assert low.tolist() == [[0, 0, 1], [0, 0, 1]]


# --------------------------------------------------------------------------------------------------------------- in use


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reword")
    path = write_titles(folder / "titles.csv", scored_titles(900))
    settings: dict[str, Any] = {**COMMON, **LEARNED, **COLUMNS, "checkpoint_every": 1000, "holdout": 150}
    sparring.train("reword", path, folder / "run", console=QUIET, **settings)
    return folder / "run"


@pytest.fixture(scope="module")
def model(trained: Path) -> Model:
    return sparring.load(trained)


def low_texts() -> list[str]:
    rows = scored_titles(60, seed=9)
    return [str(row["title"]) for row in rows if any(word in str(row["title"]) for word in BAD)]


def must_keep(text: str) -> Counter[str]:
    """By rules of their own."""
    return Counter(re.findall(r"\d+|room|loft|" + "|".join(PLACES), text))


def test_bad_words_become_good_ones_and_the_rest_stays(model: Model) -> None:
    found = model.reword(low_texts(), seed=1)
    with_some = [each for each in found if each.rewordings]
    assert len(with_some) > 0.8 * len(found)
    best = [each.rewordings[0].text for each in with_some]
    assert np.mean([any(word in text for word in GOOD) and not any(word in text for word in BAD) for text in best]) > 0.6
    for each in with_some:
        assert each.original is not None
        texts = [own.text for own in each.rewordings]
        assert len(texts) <= 5
        assert all(must_keep(text) == must_keep(each.text) for text in texts)
        assert len({likeness(text) for text in [each.text, *texts]}) == len(texts) + 1
    gains = [each.rewordings[0].expected - each.original.expected for each in with_some if each.original is not None]
    assert np.mean(gains) > 0.2


def test_rewordings_depend_on_their_text_and_the_seed_alone(model: Model) -> None:
    texts = low_texts()[:5]
    together = model.reword(texts, seed=1)
    assert [model.reword([text], seed=1)[0] for text in texts] == together
    assert model.reword(texts[::-1], seed=1)[::-1] == together
    assert model.reword(texts, seed=2) != together
    assert [len(each.rewordings) <= 2 for each in model.reword(texts, n=2, seed=1)] == [True] * 5
    assert model.reword(texts, n=1, seed=1)[0].rewordings == together[0].rewordings[:1]


def test_texts_that_cannot_be_read_say_why(model: Model) -> None:
    texts = ["", "qwertz", "the sunny room in Harlem " * 5, "the dark room in Harlem"]
    found = model.reword(texts)
    assert [bool(each.problem) for each in found] == [True, True, True, False]
    assert "at most" in found[2].problem
    with pytest.raises(SettingsError, match="from 1"):
        model.reword(texts, n=0)


def test_capitals_are_made_small_where_training_knew_none() -> None:
    small = SequenceSpec("words", 6, (" sunny", " room"), SPEC.classes)
    assert ReadText.of(small, "Sunny ROOM").codes == (1, 2)
    assert ReadText.of(SPEC, "Sunny room").problem.startswith("has words")


def test_further_words_can_be_kept(model: Model) -> None:
    texts = low_texts()[:10]
    assert any("dark" in each.text and "dark" not in own.text for each in model.reword(texts) for own in each.rewordings)
    for each in model.reword(texts, keep=["Dark", "sunny"]):
        assert all(("dark" in own.text) == ("dark" in each.text) and "sunny" not in own.text for own in each.rewordings)


def test_packed_models_reword_alike_and_say_what_they_lack(model: Model, tmp_path: Path) -> None:
    sparring.pack(model.source, tmp_path / "packed.safetensors")
    packed = sparring.load(tmp_path / "packed.safetensors")
    assert packed.reword(low_texts()[:3], seed=1) == model.reword(low_texts()[:3], seed=1)
    path = write_titles(tmp_path / "own.csv", scored_titles(12, seed=5))
    found = sparring.reword_table(packed, path, text="title")
    assert found.ranking is None
    assert len(found.ways) == 3
    assert any("packed model" in note for note in found.notes)
    with pytest.raises(SettingsError, match="packed model"):
        sparring.judge_rewordings(packed)


def test_runs_resume_exactly(tmp_path: Path) -> None:
    path = write_titles(tmp_path / "titles.csv", scored_titles(200))
    settings: dict[str, Any] = {**COMMON, **COLUMNS, **SMALL, "batch_size": 8, "reconstruction_samples": 16, "console": QUIET}
    sparring.train("reword", path, tmp_path / "whole", steps=6, **settings)
    sparring.train("reword", path, tmp_path / "parts", steps=3, **settings)
    sparring.resume(tmp_path / "parts", steps=6, console=QUIET)
    assert same_run(tmp_path / "whole", tmp_path / "parts")


def test_the_judge_finds_better_texts_and_writes_a_page(model: Model, tmp_path: Path) -> None:
    judgment = sparring.judge_rewordings(model, samples=30, out=tmp_path)
    by_name = {way.name: way for way in judgment.ways}
    assert by_name["best rewording"].kept == 1
    assert by_name["nearest high text"].kept < 1
    assert judgment.gain.value > 0.2
    assert judgment.ranking is not None
    assert judgment.ranking.auc > 0.9
    assert "correlation, not cause" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "report.json").stat().st_size > 500


@pytest.mark.parametrize(
    ("failure", "named"), [("copy", "copies its input"), ("same", "ignores its input"), ("lose", "loses what must be kept")]
)
def test_failures_made_on_purpose_are_found(failure: str, named: str, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    game: Any = model.game

    def broken(codes: torch.Tensor, draws: int, seed: int = 0) -> torch.Tensor:
        repeated = codes[:, None].repeat(1, draws, 1)
        if failure == "same":
            return repeated[:1].expand_as(repeated)
        return repeated if failure == "copy" else torch.where(game.scorers.kept[repeated], 1, repeated)

    fine = {finding.kind for finding in sparring.judge_rewordings(model, samples=30).findings}
    monkeypatch.setattr(game, "reword", broken)
    found = {finding.kind for finding in findings_of(sparring.judge_rewordings(model, samples=30))}
    assert named in found - fine
    assert "few rewordings" in found


def test_shared_added_and_repeated_words() -> None:
    assert shared_words("A sunny room in Harlem", "Harlem room") == pytest.approx(2 / 3)
    assert added_words("A sunny room", "Sunny, lovely Room & lovely view") == ["lovely", "view"]
    assert repeats([" sunny", " sunny"])
    assert repeats([" big", "-", " Big"])
    assert not repeats([" big", " room", " for", " big"])
    assert with_marks("a <b> room", {"b"}) == "a &lt;<mark>b</mark>&gt; room"


# ----------------------------------------------------------------------------------------------------- the command line


def test_tables_and_pages(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_titles(tmp_path / "own.csv", scored_titles(12, seed=5))
    assert run_cli("reword", trained, path, "--out", tmp_path / "better.csv", "-n", 2) == 0
    said = capsys.readouterr().out
    assert "AUC" in said
    assert "correlation, not cause" in said
    assert "nearest high text" in said
    with (tmp_path / "better.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["title"] for row in rows] == [row["title"] for row in scored_titles(12, seed=5)]
    assert {"kind", "bookings", "expected", "rewording_1", "expected_2", "nearest_high"} <= set(rows[0])
    assert any(row["rewording_1"] for row in rows)
    (tmp_path / "own.txt").write_text("the dark room in Harlem\nthe cheap loft for 3 in Chelsea , basic\n")
    assert run_cli("reword", trained, tmp_path / "own.txt", "--out", tmp_path / "better.html") == 0
    assert "correlation, not cause" in (tmp_path / "better.html").read_text()
    assert run_cli("reword", trained, tmp_path / "better.csv", "--out", tmp_path / "again.csv") == 1  # has such columns already


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--text", "titel"], "'title'"),
        (["-n", "0"], "from 1 to"),
        (["--out", "better.png"], ".csv"),
        (["--data", "nowhere.csv"], ""),
    ],
)
def test_wrong_arguments(arguments: list[str], named: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_titles(tmp_path / "own.csv", scored_titles(12, seed=5))
    code = run_cli("reword", trained, path, *arguments)
    said = capsys.readouterr()
    assert code == (0 if "--data" in arguments else 1)
    assert named in said.err + said.out
    if "--data" in arguments:
        assert "nowhere.csv" in said.out


def test_wrong_files_and_models(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "strange.txt").write_text("qwertz\n")
    for name, named in (("empty.txt", "empty"), ("strange.txt", "no word"), ("none.csv", "does not exist")):
        assert run_cli("reword", trained, tmp_path / name) == 1
        assert named in capsys.readouterr().err
    sparring.train("lm", write_plain_titles(tmp_path), tmp_path / "lm", steps=1, console=QUIET, **COMMON, embedding=4, hidden=4)  # pyright: ignore[reportArgumentType]
    assert run_cli("reword", tmp_path / "lm", tmp_path / "strange.txt") == 1
    assert "does not reword" in capsys.readouterr().err
    (tmp_path / "strange.bin").write_bytes(b"\0\1")
    with pytest.raises(DataError, match="no table"):
        sparring.reword_table(sparring.load(trained), tmp_path / "strange.bin")
