"""Finds networks of known programs among the tensors of a file, wherever they lie in it and whatever stands before their names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sparring.core.errors import CheckpointError, did_you_mean
from sparring.interop import (
    biggan_pytorch,
    cyclegan_pix2pix_pytorch,
    dcgan_example,
    lightweight_gan,
    nvidia_state_dicts,
    nvidia_stylegan2,
    rosinality_stylegan2,
)
from sparring.interop.official_weights import Networks, OfficialWeights, Role, State
from sparring.interop.safe_unpickling import PickledModule

DEEPEST_PREFIX = 4
"""Largest number of parts of a prefix that the tensors of a network have in common."""
WRAPPERS = ("module.", "_orig_mod.", "state_dict.")
"""Beginnings of names that no one chose: of several GPUs, compiled networks, and Lightning's checkpoints."""


class UnknownNetworksError(CheckpointError):
    """A file holds tensors by name, of none of the known programs."""


@dataclass(frozen=True)
class Program:
    """A program whose networks can be read."""

    name: str
    role_of: Callable[[State], Role | None]
    """Which of the program's networks has tensors with such names and shapes, if any."""
    convert: Callable[[Networks, Path], OfficialWeights]
    looked_for: tuple[str, ...]
    """Names of some tensors, for a person to see what was looked for."""
    sequence: str = ""
    """What the program calls a `torch.nn.Sequential` that is all of a network: "model." for "model.0.weight"."""
    as_pair: bool = True
    """Whether a generator and a discriminator make one model, as far as files tell."""
    average: str = "ema"
    """What the name of a generator has in it, or is, whose weights are moving averages."""

    def is_average(self, place: str) -> bool:
        """Whether a network of that name has moving averages for weights."""
        name = place.lower()
        return "ema" in name or name.rpartition(".")[2] == self.average


def _as_nvidia(describe: Callable[[Networks], dict[str, PickledModule]], networks: Networks, path: Path) -> OfficialWeights:
    """Convert networks that can be described as NVIDIA's."""
    with nvidia_stylegan2.refusing_other_networks(path):
        described = describe(networks)
    return nvidia_stylegan2.convert_stylegan2(described, path)


PROGRAMS = (
    Program(
        "PyTorch's DCGAN example",
        dcgan_example.role_of,
        dcgan_example.convert_dcgan_example,
        ("main.0.weight", "main.1.running_mean", "main.3.weight"),
    ),
    Program(
        "rosinality's StyleGAN2",
        rosinality_stylegan2.role_of,
        lambda networks, path: _as_nvidia(rosinality_stylegan2.as_nvidia_modules, networks, path),
        ("input.input", "conv1.conv.modulation.weight", "style.1.weight"),
    ),
    Program(
        "NVIDIA's StyleGAN2-ADA",
        nvidia_state_dicts.role_of,
        lambda networks, path: _as_nvidia(nvidia_state_dicts.as_nvidia_modules, networks, path),
        ("synthesis.b4.const", "mapping.fc0.weight", "synthesis.b4.conv1.weight"),
    ),
    Program(
        "BigGAN-PyTorch",
        biggan_pytorch.role_of,
        lambda networks, path: biggan_pytorch.convert_biggan(networks.only(), path),
        ("linear.weight", "blocks.0.0.conv1.weight", "output_layer.2.weight"),
        as_pair=False,
    ),
    Program(
        "lucidrains' lightweight-gan",
        lightweight_gan.role_of,
        lightweight_gan.convert_lightweight_gan,
        ("initial_conv.0.weight", "layers.0.0.0.net.0.weight", "out_conv.weight"),
        as_pair=False,
        average="ge",
    ),
    Program(
        "pytorch-CycleGAN-and-pix2pix, CUT",
        cyclegan_pix2pix_pytorch.role_of,
        lambda networks, path: cyclegan_pix2pix_pytorch.convert_translation_network(networks.only(), path),
        ("model.1.weight", "model.10.conv_block.1.weight", "model.model.1.model.1.weight"),
        sequence="model.",
        as_pair=False,
    ),
)


@dataclass(frozen=True)
class FoundNetwork:
    """A network in a file."""

    place: str
    """Where it lies: "g_ema", or "" for the whole file."""
    program: Program
    role: Role
    state: State


def convert_networks(states: dict[str, State], path: Path, network: str | None = None) -> OfficialWeights:
    """Convert the networks among a file's dictionaries of tensors (see `read_states`), or the one that is called `network`.

    Of several generators, the moving average is taken, whose name has "ema" in it. Raises a CheckpointError if there is no known network,
    if it is not clear which one to take, or if it does not fit Sparring's.
    """
    found = [each for place, state in states.items() for each in _networks_in(place, state)]
    if not found:
        raise UnknownNetworksError(_what_was_looked_for(states))
    everything = found
    if network is not None:
        found = [each for each in found if each.place == network]
        if not found:
            raise CheckpointError(f"{path} has no network {network!r}. {did_you_mean(network, [each.place for each in everything])}")
    generator = _the_one(found, "generator", path)
    program = generator.program if generator is not None else found[0].program
    discriminator = None
    if generator is None:
        discriminator = _the_one(found, "discriminator", path)
    elif program.as_pair:
        beside_it = [each for each in found if each.role == "discriminator" and each.program is program]
        discriminator = beside_it[0] if len(beside_it) == 1 else None
    taken = [each for each in (generator, discriminator) if each is not None]
    beside = {name: tensor for state in states.values() for name, tensor in state.items() if "." not in name}
    states_taken = [None if each is None else each.state for each in (generator, discriminator)]
    converted = program.convert(Networks(states_taken[0], states_taken[1], beside), path)
    return replace(converted, left_out=tuple(each.place for each in everything if each not in taken))


def _the_one(found: list[FoundNetwork], role: Role, path: Path) -> FoundNetwork | None:
    of_role = [each for each in found if each.role == role]
    averages = [each for each in of_role if each.program.is_average(each.place)]
    of_role = averages if len(averages) == 1 else of_role
    if len(of_role) > 1:
        names = ", ".join(each.place for each in of_role)
        raise CheckpointError(f"{path} holds several networks ({names}): name the one to import with --network.")
    return of_role[0] if of_role else None


def _networks_in(place: str, state: State) -> Iterator[FoundNetwork]:
    """Known networks among tensors: all of them, or those whose names begin alike. The first of `PROGRAMS` that fits is taken."""
    recognized: list[str] = []
    for prefix in _prefixes(state):
        if any(prefix.startswith(known) for known in recognized):
            continue
        below = {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}
        for program in PROGRAMS:
            named = below
            if program.sequence and all(name[0].isdigit() for name in below if name):
                named = {program.sequence + name: tensor for name, tensor in below.items()}
            if (role := program.role_of(named)) is not None:
                recognized.append(prefix)
                yield FoundNetwork(_without_wrappers(f"{place}.{prefix}"), program, role, named)
                break


def _prefixes(state: State) -> list[str]:
    """All beginnings of tensors' names, the shortest first: "", "netG.", "netG.main."."""
    parts = [name.split(".")[:-1][:DEEPEST_PREFIX] for name in state]
    found = {"".join(f"{part}." for part in each[:length]) for each in parts for length in range(len(each) + 1)}
    return sorted(found, key=lambda prefix: (prefix.count("."), prefix))


def _without_wrappers(place: str) -> str:
    place = f"{place}.".replace("..", ".").lstrip(".")
    for wrapper in WRAPPERS:
        place = place.replace(wrapper, "")
    return place.rstrip(".")


def _what_was_looked_for(states: dict[str, State]) -> str:
    """A table of the programs, with the one of which most names were found first."""
    names = [f".{name}" for state in states.values() for name in state]
    rows = []
    for program in PROGRAMS:
        hits = [wanted for wanted in program.looked_for if any(name.endswith(f".{wanted}") for name in names)]
        rows.append((len(hits), program.name, ", ".join(program.looked_for)))
    rows.sort(key=lambda row: -row[0])
    width = max(len(name) for _, name, _ in rows)
    first = [name[1:] for name in names[:5]]
    lines = [f"  {name:{width}}  {hits} of 3: {looked_for}" for hits, name, looked_for in rows]
    heading = (
        f"It holds tensors by name, but not those of a supported network: {', '.join(first)}{', ...' if len(names) > 5 else ''}. What was "
        "looked for, and how many of these names there are:"
    )
    return "\n".join([heading, *lines])
