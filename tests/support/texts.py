"""Texts whose distribution is known."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Int64

from sparring.core.batch import Batch
from sparring.core.random_streams import Streams
from sparring.data.sequences.sequence_dataset import SequenceDataset
from sparring.data.sequences.sequence_spec import SequenceSpec
from sparring.data.sequences.sequence_store import prepare_sequences
from sparring.data.sequences.sequences_reading import SequencesReading
from sparring.games.game import Game
from sparring.games.step_context import StepContext
from sparring.training.state import weights_of

SMALL = {"embedding": 6, "hidden": 8, "batch_size": 8}
SMALL_GAN = {**SMALL, "discriminator_embedding": 8}
SMALL_OF = {
    "lm": SMALL,
    "relgan": {**SMALL_GAN, "representations": 2, "filters": 4, "fit_steps": 1, "discriminator_fit_steps": 1, "discriminator_steps": 2},
    "scratchgan": {**SMALL_GAN, "discriminator_hidden": 8},
    "seqgan": {**SMALL_GAN, "filters": 4, "fit_steps": 1, "discriminator_fit_steps": 1, "discriminator_steps": 2, "rollouts": 2},
}
"""By recipe, settings with which it is small."""
COMMON = {"threads": 1, "log_every": 2, "samples": 4, "checkpoint_every": 2, "device": "cpu", "precision": "float32"}
CHAIN = np.array([[0.1, 0.8, 0.1, 0.0], [0.0, 0.1, 0.8, 0.1], [0.7, 0.0, 0.1, 0.2], [0.3, 0.3, 0.3, 0.1]])
"""Probability of each of the tokens a, b, c, d after each."""
STEPS = 12
"""Number of tokens of a text of the chain."""


def chain_texts(n: int, seed: int = 0) -> list[str]:
    """Texts of the Markov chain `CHAIN`, whose first token is each with the same probability."""
    random = np.random.default_rng(seed)
    codes = np.zeros((n, STEPS), np.int64)
    codes[:, 0] = random.integers(0, 4, n)
    for step in range(1, STEPS):
        upto = CHAIN[codes[:, step - 1]].cumsum(axis=1)
        codes[:, step] = (random.random(n)[:, None] > upto).sum(axis=1).clip(max=3)
    return ["".join("abcd"[code] for code in row) for row in codes]


def chain_entropy() -> float:
    """Nats of a text of the chain, on average."""
    shares: Float64[np.ndarray, " 4"] = np.full(4, 0.25)
    logs = np.where(CHAIN > 0, np.log(np.where(CHAIN > 0, CHAIN, 1)), 0)
    of_next = -(CHAIN * logs).sum(axis=1)
    nats = float(np.log(4))
    for _ in range(STEPS - 1):
        nats += float(shares @ of_next)
        shares = shares @ CHAIN
    return nats


def titles(n: int = 60, seed: int = 0) -> list[str]:
    """Titles of a few words, all different."""
    random = np.random.default_rng(seed)
    words = [("Quiet", "Sunny", "Cozy"), ("room", "loft", "studio"), ("in", "near"), ("Harlem", "SoHo", "the park")]
    return [" ".join(str(random.choice(some)) for some in words) + f", {number} min" for number in range(n)]


def write_titles(folder: Path, n: int = 60) -> Path:
    """`titles` as a text file, one on each line."""
    path = folder / "titles.txt"
    path.write_text("\n".join(titles(n)) + "\n")
    return path


def dataset(texts: list[str], **settings: object) -> SequenceDataset:
    """Texts as a dataset."""
    return prepare_sequences(texts, SequencesReading(**settings))[0]  # pyright: ignore[reportArgumentType]


def spec_of(tokens: str, length: int) -> SequenceSpec:
    """Sequences of at most `length` of these characters."""
    return SequenceSpec("characters", length, tuple(tokens))


def counting(n: int = 64) -> Int64[np.ndarray, "n 20"]:
    """The same sequence of twenty different tokens again and again, as codes."""
    return np.tile(np.arange(1, 21), (n, 1))


def play(game: Game, codes: Int64[np.ndarray, "n length"], steps: int, batch_size: int = 32, first: int = 0) -> None:
    """Every turn of the game that is due, as training plays it, on these sequences, step after step."""
    optimizers = {player.name: player.optimizer([weight for _, weight in weights_of(game, player)]) for player in game.players}
    for step in range(first, first + steps):
        for turn in game.turns:
            for repeat in range(turn.repeat if turn.due(step) else 0):
                rows = np.random.default_rng([step, repeat]).integers(0, len(codes), batch_size)
                batch = Batch(torch.from_numpy(codes[rows].astype(np.float32)))
                streams = Streams(0, step, scope=f"{turn.name}/{repeat}")
                context = StepContext(lambda batch=batch: batch, lambda: None, batch_size, streams, step, step * batch_size)
                optimizers[turn.player].zero_grad()
                losses = torch.stack([each.mean() for each in turn.play(context).values()])
                losses.sum().backward()
                optimizers[turn.player].step()
