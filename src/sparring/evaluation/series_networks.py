"""Judging windows by small recurrent networks: how well these tell generated from real windows, and how well they predict real windows if
they learned from generated ones (Yoon et al. 2019, section 5).

Known faults of the original program are avoided: generated windows have lengths of their own there, and windows that networks are tested on
overlap with those that they learn from. Here both kinds of windows have one length, networks are tested on windows that share no row with
what they learned from (where there are enough), numbers are scaled by training windows alone, both kinds are equally frequent, and several
networks of other seeds say how much the result varies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from sparring.evaluation.bounded_scores import Estimate
from sparring.evaluation.series_sets import Windows, series_numbers, split_apart, spread

LARGEST = 10.0
"""Standard deviations beyond which a number is cut off before networks see it: single crashes would drown all else."""


CONTEXT = 32
"""Number of given steps that networks see before those that were generated, where windows are long."""


@dataclass(frozen=True, kw_only=True)
class NetworkProtocol:
    """How large the networks are, and how long they learn."""

    windows: int = 1000
    """Largest number of windows of each kind that networks learn from, and half as many that they are tested on."""
    steps: int = 400
    """Number of steps of Adam."""
    batch: int = 64
    """Number of windows in each of them, of both kinds together."""
    hidden: int = 16
    """Number of units of the recurrent layer (a GRU)."""
    seeds: int = 3
    """Number of networks of each kind."""
    learning_rate: float = 0.01
    stretch: int = 64
    """Number of steps of a longer window that networks learn from at a time, at random places."""
    longest: int = 256
    """Number of steps of a window that networks are tested on, the last ones."""

    def __str__(self) -> str:
        return (
            f"{self.seeds} GRUs of {self.hidden} units, {self.steps} steps of {self.batch} stretches of {self.stretch} steps, at most "
            f"{self.windows:,} windows of each kind to learn from and {self.windows // 2:,} to test on"
        )


@dataclass(frozen=True)
class NetworkScores:
    """What the networks found, by side."""

    discriminative: dict[str, Estimate]
    """Accuracy on both kinds of windows less 0.5, absolute: 0 is best, 0.5 worst."""
    predictive: dict[str, Estimate]
    """Mean absolute error of predictions of the next step of unseen windows, in standard deviations of the training windows."""


class StackedGRU(nn.Module):
    """Several GRUs with one layer and a linear map of their states, all in one pass: small networks cost by the number of calls."""

    def __init__(self, models: int, inputs: int, hidden: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()

        def uniform(*shape: int) -> nn.Parameter:
            return nn.Parameter((2 * torch.rand(*shape, generator=generator) - 1) / hidden**0.5)

        self.hidden = hidden
        self.from_input, self.input_bias = uniform(models, inputs, 3 * hidden), uniform(models, 1, 3 * hidden)
        self.from_state, self.state_bias = uniform(models, hidden, 3 * hidden), uniform(models, 1, 3 * hidden)
        self.to_output, self.output_bias = uniform(models, hidden, outputs), uniform(models, 1, outputs)

    def forward(self, x: Float[Tensor, "models n t inputs"]) -> Float[Tensor, "models n t hidden"]:
        """The states after each step (Cho et al. 2014, as torch has it)."""
        models, n, steps, inputs = x.shape
        given = torch.baddbmm(self.input_bias, x.reshape(models, n * steps, inputs), self.from_input).view(models, n, steps, -1)
        state, states = x.new_zeros(models, n, self.hidden), []
        for now in given.unbind(dim=2):
            own = torch.baddbmm(self.state_bias, state, self.from_state)
            gates = torch.sigmoid(now[..., : 2 * self.hidden] + own[..., : 2 * self.hidden])
            reset, keep = gates.chunk(2, dim=2)
            new = torch.tanh(torch.addcmul(now[..., 2 * self.hidden :], reset, own[..., 2 * self.hidden :]))
            state = torch.lerp(new, state, keep)
            states.append(state)
        return torch.stack(states, dim=2)

    def outputs(self, states: Float[Tensor, "models k hidden"]) -> Float[Tensor, "models k outputs"]:
        """A linear map of states."""
        return torch.baddbmm(self.output_bias, states, self.to_output)


@dataclass(frozen=True, eq=False)
class _Task:
    """What networks learn from and are tested on, and how."""

    learned: Mapping[str, Float[Tensor, "_ t values"]]
    """By side."""
    past: int
    """Number of first steps that were given."""
    returns: bool
    protocol: NetworkProtocol
    seed: int

    @property
    def sides(self) -> list[str]:
        """The side of each network."""
        return [side for side in self.learned for _ in range(self.protocol.seeds)]

    def network(self, name: str, values: int, outputs: int) -> StackedGRU:
        """The networks, as they are before they learn."""
        generator = torch.Generator().manual_seed(int(series_numbers(self.seed, name).integers(2**62)))
        inputs = 2 * values if self.returns else values
        return StackedGRU(len(self.sides), inputs, self.protocol.hidden, outputs, generator)

    def seen(self, windows: Float[Tensor, "models n t values"]) -> Float[Tensor, "models n t inputs"]:
        """What networks see of windows: values, and of returns their sizes, too."""
        return torch.cat([windows, windows.abs() - 1], dim=3) if self.returns else windows

    def train(self, network: StackedGRU, loss: Callable[[int, int], Tensor]) -> None:
        """Adam with a learning rate that falls to zero along a straight line. Networks do not influence each other: losses are summed.
        `loss`: of a random batch of a stretch of windows, from its first step to the one after its last.
        """
        protocol, random = self.protocol, series_numbers(self.seed, "stretches")
        steps = next(iter(self.learned.values())).shape[1]
        length = min(steps, max(protocol.stretch, steps - self.past + min(self.past, CONTEXT)) if self.past else protocol.stretch)
        optimizer = torch.optim.Adam(network.parameters(), protocol.learning_rate)
        for step in range(protocol.steps):
            first = steps - length if self.past else int(random.integers(steps - length + 1))
            optimizer.param_groups[0]["lr"] = protocol.learning_rate * (1 - step / protocol.steps)
            optimizer.zero_grad()
            loss(first, first + length).backward()
            optimizer.step()


def network_scores(
    reference: Windows, sides: Mapping[str, Windows], unseen: Windows, *, past: int, returns: bool, protocol: NetworkProtocol, seed: int
) -> NetworkScores:
    """Both scores of each side. `reference`: real windows that the generator learned from; the ceiling of the predictive score learns from
    them. `unseen`: held-out windows, which predictions are tested on. `past`: number of first steps that are given, and not predicted.
    `returns`: predict absolute returns, for returns themselves cannot be predicted.
    """
    fit, test = split_apart(reference)
    mean = fit.values.mean(axis=(0, 2), keepdims=True)
    deviation = np.maximum(fit.values.std(axis=(0, 2), keepdims=True), 1e-12)

    def scaled(windows: Windows, most: int) -> Float[Tensor, "n t values"]:
        some = spread(windows, most).values[:, :, -protocol.longest :]
        numbers = np.clip((some - mean) / deviation, -LARGEST, LARGEST)
        return torch.from_numpy(np.moveaxis(numbers, 2, 1).astype(np.float32))

    most, most_tested = protocol.windows, max(1, protocol.windows // 2)
    parts = {side: split_apart(windows) for side, windows in sides.items()}
    learned = {side: scaled(part[0], most) for side, part in parts.items()}
    tested = {side: scaled(part[1], most_tested) for side, part in parts.items()}
    real = scaled(fit, most)
    given = max(0, past - max(0, reference.values.shape[2] - protocol.longest))
    accuracies = _tell_apart(_Task(learned, given, returns, protocol, seed), real, scaled(test, most_tested), tested)
    errors = _predict(_Task({**learned, "ceiling": real}, given, returns, protocol, seed), scaled(unseen, most_tested))
    return NetworkScores(
        {side: _over_seeds(np.abs(each - 0.5)) for side, each in accuracies.items()},
        {side: _over_seeds(each) for side, each in errors.items()},
    )


def _over_seeds(values: np.ndarray) -> Estimate:
    """Mean over networks, with the standard error of this mean."""
    return Estimate(float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None)


def _tell_apart(
    task: _Task,
    real: Float[Tensor, "n t values"],
    tested_real: Float[Tensor, "m t values"],
    tested: Mapping[str, Float[Tensor, "_ t values"]],
) -> dict[str, np.ndarray]:
    """Accuracies of networks that learned to tell the windows of each side from real ones, the mean of those on either kind."""
    sides, half, seeds = task.sides, task.protocol.batch // 2, task.protocol.seeds
    network = task.network("discriminative", real.shape[2], 1)
    random = series_numbers(task.seed, "discriminative batches")
    target = torch.cat([torch.ones(half), torch.zeros(half)]).expand(len(sides), -1)

    def logits(windows: Float[Tensor, "models n t values"]) -> Float[Tensor, "models n"]:
        return network.outputs(network(task.seen(windows)).mean(dim=2))[..., 0]

    def loss(first: int, last: int) -> Tensor:
        of_real, of_sides = random.integers(len(real), size=(len(sides), half)), random.random((len(sides), half))
        reals = torch.stack([real[some, first:last] for some in torch.from_numpy(of_real)])
        others = torch.stack([_some(task.learned[side], shares)[:, first:last] for side, shares in zip(sides, of_sides, strict=True)])
        losses = nn.functional.binary_cross_entropy_with_logits(logits(torch.cat([reals, others], dim=1)), target, reduction="none")
        return losses.mean(dim=1).sum()

    task.train(network, loss)
    found = {}
    with torch.no_grad():
        of_real = (logits(tested_real.expand(len(sides), *tested_real.shape)) > 0).double().mean(dim=1).numpy()
        for place, side in enumerate(task.learned):
            mine = slice(place * seeds, (place + 1) * seeds)
            of_side = (logits(tested[side].expand(len(sides), *tested[side].shape))[mine] <= 0).double().mean(dim=1).numpy()
            found[side] = (of_real[mine] + of_side) / 2
    return found


def _predict(task: _Task, unseen: Float[Tensor, "n t values"]) -> dict[str, np.ndarray]:
    """Mean absolute errors on unseen windows of networks that learned from each side to predict a step from those before it."""
    sides, values, seeds = task.sides, unseen.shape[2], task.protocol.seeds
    network = task.network("predictive", values, values)
    random = series_numbers(task.seed, "predictive batches")

    def errors(windows: Float[Tensor, "models n t values"], begin: int) -> Float[Tensor, " models"]:
        target = windows.abs() if task.returns else windows
        states = network(task.seen(windows[:, :, :-1]))[:, :, begin - 1 :]
        predicted = network.outputs(states.flatten(1, 2)).view(*states.shape[:3], values)
        return (predicted - target[:, :, begin:]).abs().mean(dim=(1, 2, 3))

    def loss(first: int, last: int) -> Tensor:
        shares = random.random((len(sides), task.protocol.batch))
        windows = torch.stack([_some(task.learned[side], each)[:, first:last] for side, each in zip(sides, shares, strict=True)])
        return errors(windows, max(1, task.past - first)).sum()

    task.train(network, loss)
    with torch.no_grad():
        found = errors(unseen.expand(len(sides), *unseen.shape), max(1, task.past)).double().numpy()
    return {side: found[place * seeds : (place + 1) * seeds] for place, side in enumerate(task.learned)}


def _some(windows: Float[Tensor, "n t values"], shares: Float64[np.ndarray, " k"]) -> Float[Tensor, "k t values"]:
    """Windows by numbers in [0, 1)."""
    return windows[torch.from_numpy((shares * len(windows)).astype(np.int64))]
