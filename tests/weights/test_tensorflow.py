"""NVIDIA's files by TensorFlow: networks under the names, and in the order of numbers, that those programs give them, against plain
networks that golden files hold to account."""

import pickle
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_stylegan2 import DISCRIMINATORS, GENERATORS, relative, roughened
from torch import Tensor, nn

import plain_stylegan2 as plain
from sparring.core.errors import CheckpointError
from sparring.interop.import_weights import import_weights

State = dict[str, Any]
PLACES = {  # names in PyTorch's program, those in TensorFlow's, and how a number there becomes one here
    r"mapping\.w_avg": ("dlatent_avg", "as it is"),
    r"mapping\.embed\.(weight|bias)": ("mapping/LabelEmbed/{0}", "dense"),
    r"mapping\.fc(\d+)\.(weight|bias)": ("mapping/Dense{0}/{1}", "dense"),
    r"synthesis\.b4\.const": ("synthesis/4x4/Const/const", "one more side"),
    r"synthesis\.b4\.conv1\.(weight|bias|noise_strength)": ("synthesis/4x4/Conv/{0}", "kernel"),
    r"synthesis\.b4\.conv1\.affine\.(weight|bias)": ("synthesis/4x4/Conv/mod_{0}", "style"),
    r"synthesis\.b(\d+)\.conv0\.(weight|bias|noise_strength)": ("synthesis/{0}x{0}/Conv0_up/{1}", "turned kernel"),
    r"synthesis\.b(\d+)\.conv0\.affine\.(weight|bias)": ("synthesis/{0}x{0}/Conv0_up/mod_{1}", "style"),
    r"synthesis\.b(\d+)\.conv1\.(weight|bias|noise_strength)": ("synthesis/{0}x{0}/Conv1/{1}", "kernel"),
    r"synthesis\.b(\d+)\.conv1\.affine\.(weight|bias)": ("synthesis/{0}x{0}/Conv1/mod_{1}", "style"),
    r"synthesis\.b(\d+)\.torgb\.(weight|bias)": ("synthesis/{0}x{0}/ToRGB/{1}", "kernel"),
    r"synthesis\.b(\d+)\.torgb\.affine\.(weight|bias)": ("synthesis/{0}x{0}/ToRGB/mod_{1}", "style"),
    r"synthesis\.b(\d+)\.skip\.(weight)": ("synthesis/{0}x{0}/Skip/{1}", "turned kernel"),
    r"b4\.conv\.(weight|bias)": ("4x4/Conv/{0}", "kernel"),
    r"b4\.fc\.(weight|bias)": ("4x4/Dense0/{0}", "dense"),
    r"b4\.out\.(weight|bias)": ("Output/{0}", "dense"),
    r"b(\d+)\.fromrgb\.(weight|bias)": ("{0}x{0}/FromRGB/{1}", "kernel"),
    r"b(\d+)\.conv0\.(weight|bias)": ("{0}x{0}/Conv0/{1}", "kernel"),
    r"b(\d+)\.conv1\.(weight|bias)": ("{0}x{0}/Conv1_down/{1}", "kernel"),
    r"b(\d+)\.skip\.(weight)": ("{0}x{0}/Skip/{1}", "kernel"),
}
JUDGE = {r"mapping\.embed\.(weight|bias)": ("LabelEmbed/{0}", "dense"), r"mapping\.fc(\d+)\.(weight|bias)": ("Mapping{0}/{1}", "dense")}


def as_there(value: np.ndarray, how: str) -> Any:  # noqa: ANN401 (TensorFlow gives a scalar as numpy's own)
    if value.ndim == 0:
        return value[()]
    if how == "one more side":
        return value[None]
    if how == "style" and value.ndim == 1:
        return value - 1
    if value.ndim == 4:
        value = value.transpose(2, 3, 1, 0)
        return np.ascontiguousarray(value[::-1, ::-1] if how == "turned kernel" else value)
    return np.ascontiguousarray(value.T) if value.ndim == 2 else value


def variables_of(network: nn.Module, places: dict[str, tuple[str, str]]) -> State:
    found: State = {}
    for name, tensor in network.state_dict().items():
        if name.endswith("resample_filter"):
            continue
        value = tensor.numpy()
        if noise := re.fullmatch(r"synthesis\.b(\d+)\.conv(\d)\.noise_const", name):
            level = int(noise[1]).bit_length() - 3
            found[f"synthesis/noise{2 * level - 1 + int(noise[2])}" if level else "synthesis/noise0"] = value[None, None]
            continue
        pattern = next(pattern for pattern in places if re.fullmatch(pattern, name))
        match = re.fullmatch(pattern, name)
        assert match is not None
        theirs, how = places[pattern]
        found[theirs.format(*match.groups())] = as_there(value, how)
    return found


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> type:
    """The class that such files name; nothing of it is needed to read them."""
    module = types.ModuleType("dnnlib.tflib.network")

    class Network:
        def __init__(self, **state: object) -> None:
            self.state = state

        def __getstate__(self) -> State:
            return {"version": 4, "build_module_src": "raise SystemExit", "build_func_name": "main", "components": {}, **self.state}

    Network.__module__, Network.__qualname__ = "dnnlib.tflib.network", "Network"
    vars(module)["Network"] = Network
    for name in ("dnnlib", "dnnlib.tflib"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "dnnlib.tflib.network", module)
    return Network


def generator_of(network: type, reference: nn.Module, **settings: object) -> Any:  # noqa: ANN401 (a class of the test)
    variables = variables_of(reference, PLACES)
    parts: dict[str, list[tuple[str, Any]]] = {"mapping": [], "synthesis": [("lod", np.float32(0))]}
    own: list[tuple[str, Any]] = [("lod", np.float32(0))]
    for name, value in variables.items():
        first, _, rest = name.partition("/")
        parts.get(first, own).append((rest if first in parts else name, value))
    below = {name: network(name=f"G_{name}", static_kwargs={}, variables=found) for name, found in parts.items()}
    return network(name="G", static_kwargs=settings, components=below, variables=own)


NOT_THERE = {"orig"}
"""Whose tensors TensorFlow's program calls by other names, which NVIDIA's own reader does not know either."""


@pytest.mark.parametrize("name", [name for name in GENERATORS if name not in NOT_THERE])
@torch.no_grad()
def test_generators(name: str, tmp_path: Path, network: type) -> None:
    torch.manual_seed(0)
    chosen = {"z_dim": 9, "w_dim": 10, **GENERATORS[name]}
    reference = roughened(plain.Generator(**chosen))
    theirs = {"c_dim": "label_size", "channels": "num_channels", "z_dim": "latent_size", "w_dim": "dlatent_size"}
    same = {"architecture", "conv_clamp", "use_noise"}
    settings = {theirs.get(key, key): value for key, value in chosen.items() if key in theirs or key in same}
    one = generator_of(network, reference, resolution=2 << len(chosen["widths"]), resample_kernel=[1, 3, 3, 1], fmap_base=64, **settings)
    (tmp_path / "G.pkl").write_bytes(pickle.dumps(one, 4))
    generator = import_weights(tmp_path / "G.pkl").generator
    z = torch.randn(3, 9)
    label = nn.functional.one_hot(torch.arange(3), chosen["c_dim"]).float() if "c_dim" in chosen else None
    assert generator is not None
    assert relative(image(generator, z, label), reference(z, label)) < 1e-5


@torch.no_grad()
def test_a_file_of_three_networks(tmp_path: Path, network: type) -> None:
    """G, D and Gs, as training leaves them: the average draws."""
    torch.manual_seed(0)
    old, new = (roughened(plain.Generator((8, 8), 3, 6, 6)) for _ in range(2))
    judge = roughened(plain.Discriminator((8, 8), 3))
    about = {"resolution": 8, "latent_size": 6}
    settings = {"resolution": 8, "mbstd_group_size": 4}
    one = network(name="D", static_kwargs=settings, variables=list(variables_of(judge, PLACES | JUDGE).items()))
    three = (generator_of(network, old, **about), one, generator_of(network, new, **about))
    (tmp_path / "network.pkl").write_bytes(pickle.dumps(three))
    model = import_weights(tmp_path / "network.pkl")
    z, images = torch.randn(2, 6), torch.randn(4, 3, 8, 8)
    assert model.generator is not None
    assert model.discriminator is not None
    assert relative(image(model.generator, z, None), new(z, None)) < 1e-5
    assert relative(model.discriminator(images, None), judge(images, None)) < 1e-5


def image(generator: Any, z: Tensor, label: Tensor | None) -> Tensor:  # noqa: ANN401 (ours, with styles)
    return generator.synthesize(generator.map(z, label), noise="const")


@pytest.mark.parametrize("name", [name for name in DISCRIMINATORS if name not in NOT_THERE])
@torch.no_grad()
def test_discriminators(name: str, tmp_path: Path, network: type) -> None:
    torch.manual_seed(0)
    chosen = DISCRIMINATORS[name]
    reference = roughened(plain.Discriminator(**chosen))
    side, classes = 2 << len(chosen["widths"]), chosen.get("c_dim", 0)
    settings = {key: chosen[key] for key in ("architecture", "conv_clamp") if key in chosen}
    groups = {"mbstd_group_size": chosen.get("group_size", 4), "mbstd_num_features": chosen.get("num_channels", 1)}
    about = {"resolution": side, "num_channels": chosen["channels"], "label_size": classes, "mapping_lrmul": 0.01, **settings, **groups}
    one = network(name="D", static_kwargs=about, variables=list(variables_of(reference, PLACES | JUDGE).items()))
    (tmp_path / "D.pkl").write_bytes(pickle.dumps({"D": one}, 2))
    discriminator = import_weights(tmp_path / "D.pkl").discriminator
    images = torch.randn(4, chosen["channels"], side, side)
    label = nn.functional.one_hot(torch.arange(4) % classes, classes).float() if classes else None
    assert discriminator is not None
    assert relative(discriminator(images, label), reference(images, label)) < 1e-5


def test_what_is_not_known_is_listed(tmp_path: Path, network: type) -> None:
    reference = roughened(plain.Generator((8, 8), 3, 6, 6))

    def refusal(one: object) -> str:
        (tmp_path / "f.pkl").write_bytes(pickle.dumps(one))
        with pytest.raises(CheckpointError) as caught:
            import_weights(tmp_path / "f.pkl")
        return str(caught.value)

    settings = {"resolution": 8, "latent_size": 6}
    odd = generator_of(network, reference, **settings, resample_kernel=[1, 2, 1], magic=3)
    odd.state["version"] = 3
    message = refusal(odd)
    for words in ("version 3, but the oldest supported version is 4", "the setting magic = 3", "a filter [1, 2, 1], not (1, 3, 3, 1)"):
        assert words in message
    joined = generator_of(network, reference, **settings)
    joined.state["components"]["mapping"].state["variables"].append(("LabelConcat/weight", np.zeros((3, 6), np.float32)))
    assert "G has unknown tensors: mapping/LabelConcat/weight" in refusal(joined)
    lacking = generator_of(network, reference, **settings)
    del lacking.state["components"]["synthesis"].state["variables"][3]
    assert "is missing or wrong" in refusal(lacking)
    assert "a variable is a str, not an array" in refusal(network(name="G", static_kwargs={}, variables=[("w", "text")]))
    assert "without any of NVIDIA's networks" in refusal((1, 2, 3))
    itself = network(name="G", static_kwargs={}, variables=[])
    itself.state["components"] = {"mapping": itself}
    assert "is missing or wrong" in refusal(itself)
