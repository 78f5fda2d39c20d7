"""A batch that is played in parts, so that one process and several give the same bits.

The rule: every part of a turn begins from the same buffers. Then gradients and buffers are summed over all parts in one fixed binary tree,
and buffers are divided by the number of parts. (Losses were divided by it before they gave gradients. It is a power of two, so that both
are exact.) Of a buffer that is divided among the parts (`Game.divided`), every part moves its own rows.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sparring.games.game import Game
from sparring.training.processes import Processes


class TreeSum:
    """The sum of lists of tensors that come one after another, as a binary tree adds them: neighbors first. Of 2^k lists at most k + 1 are
    kept at a time.
    """

    def __init__(self) -> None:
        self.waiting: list[tuple[int, list[Tensor]]] = []
        """Sums of 2^level lists, with their level, the largest first."""

    def add(self, tensors: list[Tensor]) -> None:
        """Take the next list, whose tensors may be changed."""
        level = 0
        while self.waiting and self.waiting[-1][0] == level:
            before = self.waiting.pop()[1]
            if before:
                torch._foreach_add_(before, tensors)  # pyright: ignore[reportPrivateImportUsage]
            tensors, level = before, level + 1
        self.waiting.append((level, tensors))

    @property
    def total(self) -> list[Tensor]:
        """The sum of all lists, of which there must be 2^k."""
        assert len(self.waiting) == 1, "the number of parts of a process is a power of two"
        return self.waiting[0][1]


class TurnParts:
    """Gathers what the parts of one turn give, and leaves the sum as one part would have left it."""

    def __init__(self, game: Game, weights: Sequence[nn.Parameter], parts: int, processes: Processes) -> None:
        self.divided, self.weights, self.parts, self.processes = game.divided, weights, parts, processes
        self.buffers = dict(game.named_buffers())
        self.before = {name: buffer.clone() for name, buffer in self.buffers.items()}
        self.gradients = TreeSum()
        self.has_gradient = [False] * len(weights)
        self.changes: list[dict[str, Tensor]] = []
        """What each part of this process made of the buffers that it changed; of divided ones, of its rows."""

    def rows(self, name: str, part: int) -> slice:
        """Which rows of a divided buffer belong to a part."""
        size = len(self.buffers[name]) // self.parts
        return slice(part * size, (part + 1) * size)

    def add(self, part: int) -> None:
        """Take the gradients and the changed buffers that a part has left, and go back to what it began from."""
        self.has_gradient = [has or weight.grad is not None for has, weight in zip(self.has_gradient, self.weights, strict=True)]
        self.gradients.add([torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in self.weights])
        for weight in self.weights:
            weight.grad = None
        changes: dict[str, Tensor] = {}
        for name, buffer in self.buffers.items():
            if not torch.equal(buffer, self.before[name]):
                changes[name] = (buffer[self.rows(name, part)] if name in self.divided else buffer).clone()
                buffer.copy_(self.before[name])
        self.changes.append(changes)

    def finish(self) -> None:
        """Give the weights the gradients, and the buffers the values, of all parts of all processes."""
        has_changed = [any(name in changes for changes in self.changes) for name in self.buffers]
        flags = self.processes.any(torch.tensor([*self.has_gradient, *has_changed])).tolist()
        changed = [name for name, has in zip(self.buffers, flags[len(self.weights) :], strict=True) if has]
        summed = [name for name in changed if name not in self.divided and self.buffers[name].is_floating_point()]
        tree = TreeSum()
        for changes in self.changes:
            tree.add([changes.get(name, self.before[name]).clone() for name in summed])
        totals = iter(self.processes.tree_sum([*self.gradients.total, *tree.total]))
        for weight, has in zip(self.weights, flags, strict=False):
            total = next(totals)
            weight.grad = total if has else None
        for name, total in zip(summed, totals, strict=True):
            self.buffers[name].copy_(total / self.parts)
        for name in changed:
            if name in self.divided:
                self.put_rows_together(name)
            elif name not in summed:  # whole numbers count what is the same in every part
                counts = [changes[name] for changes in self.changes]
                assert all(torch.equal(count, counts[0]) for count in counts), f"{name} differs between parts"
                self.buffers[name].copy_(counts[0])

    def put_rows_together(self, name: str) -> None:
        """Give a divided buffer the rows of all parts."""
        own = zip(self.processes.own_parts(self.parts), self.changes, strict=True)
        rows = [changes[name] if name in changes else self.before[name][self.rows(name, part)] for part, changes in own]
        for part, found in enumerate(self.processes.gather(rows)):
            self.buffers[name][self.rows(name, part)] = found
