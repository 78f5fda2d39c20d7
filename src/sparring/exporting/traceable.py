"""A copy of a game that can be traced: without the networks of training, and with all that does not change any more as constants."""

import copy

from torch import nn
from torch.nn.utils import parametrize

from sparring.games.game import Game


def traceable_copy(game: Game) -> Game:
    """The game with the networks that sampling needs alone, in evaluation mode on the CPU. The game itself stays as it is.

    Spectral norms are computed once, and modules with a method `fix_for_export` (growing networks, reversible convolutions) keep what
    they would compute of their weights and buffers.
    """
    kept = copy.deepcopy(game)
    moved = {name for player in kept.players for name in player.networks}
    for name, network in list(kept.named_children()):
        unused = name in moved and name not in kept.sampling_networks
        if unused or any(tensor.is_meta for tensor in (*network.parameters(), *network.buffers())):
            delattr(kept, name)
    for name, buffer in list(kept.named_buffers(recurse=False)):
        if buffer.is_meta:
            delattr(kept, name)
    kept.eval().cpu().requires_grad_(False)
    for module in list(kept.modules()):
        _fix(module)
    return kept


def _fix(module: nn.Module) -> None:
    if parametrize.is_parametrized(module):
        # torch's own `remove_parametrizations` changes the class, which the module that was copied has, too
        weights = {name: getattr(module, name).detach() for name in module.parametrizations}  # pyright: ignore[reportGeneralTypeIssues]
        module.__class__ = type(module).__bases__[0]
        del module.parametrizations
        for name, weight in weights.items():
            module.register_parameter(name, nn.Parameter(weight, requires_grad=False))
    fix = getattr(module, "fix_for_export", None)
    if callable(fix):
        fix()
