"""Reads files with weights of other programs, without running any code from them."""

from pathlib import Path

from sparring.core.errors import CheckpointError
from sparring.core.file_kinds import kind_of, refusal
from sparring.interop.official_weights import OfficialWeights

EXPECTED_FILE = "a file with official weights of a supported program"


def read_official_file(path: Path, network: str | None = None) -> OfficialWeights:
    """Read the networks in a file of another program: NVIDIA's `.pkl`, or tensors by name as torch or safetensors writes them, of one of
    `find_networks.PROGRAMS`. `network` names one of several. Raises a CheckpointError for everything else.
    """
    from sparring.interop import find_networks, nvidia_stylegan2  # noqa: PLC0415 (torch's readers are not needed to name a kind)
    from sparring.interop.safe_unpickling import is_state_dict_file, read_nvidia_pickle, read_states  # noqa: PLC0415

    try:
        if kind_of(path).holds in {"model", "weights", "images", "damaged"}:
            raise CheckpointError(refusal(path, EXPECTED_FILE, importing=True))
        if not is_state_dict_file(path):
            return nvidia_stylegan2.convert_stylegan2(read_nvidia_pickle(path), path)
        states = read_states(path)
    except OSError as problem:
        raise CheckpointError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    try:
        return find_networks.convert_networks(states, path, network)
    except find_networks.UnknownNetworksError as problem:
        raise CheckpointError(f"{path} is {kind_of(path).says}. {problem}") from None
