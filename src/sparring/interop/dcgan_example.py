"""Converts networks of PyTorch's DCGAN example and tutorial (`netG_epoch_N.pth`, `netD_epoch_N.pth`): a row of transposed or of strided
convolutions with batch norms between them, for any number of latents and channels and any side.
"""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.data.images.image_spec import ImageSpec
from sparring.interop.official_weights import Networks, OfficialWeights, Role, State
from sparring.nets.dcgan import channels_at_sides
from sparring.recipes.dcgan import DCGAN


def role_of(state: State) -> Role | None:
    """Which of the example's networks has such tensors, named as in a `torch.nn.Sequential`: "0.weight" and so on."""
    shapes = [state[f"{place}.weight"].shape for place in _convolutions(state)]
    if len(shapes) < 3 or "0.bias" in state or any(shape[2:] != (4, 4) for shape in shapes):
        return None
    if "1.running_mean" in state and all(before[1] == after[0] for before, after in pairwise(shapes)):
        return "generator"
    if shapes[-1][0] == 1 and all(before[0] == after[1] for before, after in pairwise(shapes)):
        return "discriminator"
    return None


def convert_dcgan_example(networks: Networks, path: Path) -> OfficialWeights:
    """Convert to Sparring's DCGAN. Raises a CheckpointError if the numbers of channels are not those of a DCGAN, or if generator and
    discriminator do not fit together.
    """
    tensors: dict[str, Tensor] = {}
    names: dict[str, str] = {}
    found: list[tuple[int, int, int]] = []
    latent_size = DCGAN.latent_size
    for network, given in (("generator", networks.generator), ("discriminator", networks.discriminator)):
        if given is None:
            continue
        state = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in given.items()}
        convolutions = _convolutions(state)
        ends = (convolutions[0], convolutions[-1]) if network == "generator" else (convolutions[-1], convolutions[0])
        to_4x4, image = (state[f"{place}.weight"] for place in ends)  # with the latent or the logit, and with the image
        side, channels, width = 4 << (len(convolutions) - 1), image.shape[1], image.shape[0]
        found.append((side, channels, width))
        if network == "generator":
            latent_size = to_4x4.shape[0]
            widths = [state[f"{place}.weight"].shape[1] for place in convolutions[:-1]]
        else:
            widths = [state[f"{place}.weight"].shape[0] for place in convolutions[-2::-1]]
        if widths != (wanted := channels_at_sides(side, width)):
            raise CheckpointError(
                f"{path} has a {network} with {_row(widths)} channels from 4x4 on. Sparring's DCGAN for {side}x{side} has {_row(wanted)}."
            )
        linear = to_4x4.permute(2, 3, 1, 0).flatten(0, 2)  # ours is a linear layer to or from (4, 4, channels)
        state[f"{ends[0]}.weight"] = linear if network == "generator" else linear.t()
        places = _places(state, convolutions, network)
        for name, tensor in state.items():
            place, _, leaf = name.rpartition(".")
            ours = f"{network}.{places.get(place, place)}.{leaf}"
            tensors[ours], names[ours] = tensor, name
        names |= {f"{network}.{ours}.weight": f"{theirs}.weight" for theirs, ours in places.items()}
        counted = {
            name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in tensors if name.endswith("running_mean")
        }
        tensors = counted | tensors
    if len(set(found)) > 1:
        (side, channels, width), (other_side, other_channels, other_width) = found
        raise CheckpointError(
            f"{path} has a generator for {side}x{side} images of {channels} channels with width {width}, and a discriminator for "
            f"{other_side}x{other_side} images of {other_channels} channels with width {other_width}. Sparring's DCGAN has one of each: "
            "name the network to import with --network."
        )
    side, channels, width = found[0]
    return OfficialWeights(DCGAN(latent_size=latent_size, latent="normal", width=width), ImageSpec(side, side, channels), tensors, names)


def _convolutions(state: State) -> list[str]:
    """Places of the convolutions in the row, from first to last."""
    places = [name.removesuffix(".weight") for name, tensor in state.items() if name.endswith(".weight") and tensor.ndim == 4]
    return sorted(places, key=int) if all(place.isdigit() for place in places) else []


def _places(state: State, convolutions: list[str], network: str) -> dict[str, str]:
    """Place in Sparring's network of each convolution and norm."""
    norms = [name.removesuffix(".running_mean") for name in state if name.endswith(".running_mean")]
    norms = sorted((place for place in norms if place.isdigit()), key=int)
    if network == "generator":
        rest = {place: f"layers.{3 * number - 1}" for number, place in enumerate(convolutions)}
        return {**rest, convolutions[0]: "project", **{place: f"layers.{3 * number}" for number, place in enumerate(norms)}}
    rest = {place: f"layers.{max(0, 3 * number - 1)}" for number, place in enumerate(convolutions)}
    return {**rest, convolutions[-1]: "head", **{place: f"layers.{3 * number + 3}" for number, place in enumerate(norms)}}


def _row(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
