"""Official files without their code: pickles are read by an allow-list that can make tensors, numbers and names, and nothing else.

A pickle is a program: it names functions and calls them. Here each name that NVIDIA's files need stands for a function of
ours; every other is refused by name before anything is called. The source text that those files carry is never looked at.
"""

import io
import math
import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.core.file_kinds import refusal

LEGACY_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""What torch's older files begin with, as a pickle of its own."""
MAX_MODULES = 10_000
MAX_HEADER_BYTES = 100_000_000
"""Of a safetensors file, in bytes, as its own library has it."""
DOWNLOAD_AGAIN = "Download or copy it anew."


@dataclass(frozen=True, slots=True)
class PickledModule:
    """A module of NVIDIA's, as a pickle describes it."""

    kind: str
    """Its class's name."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Its attributes that are not tensors."""
    own: dict[str, Tensor] = field(default_factory=dict)
    """Its own weights and buffers."""
    parts: "dict[str, PickledModule]" = field(default_factory=dict)

    size: int = 1
    """How many modules it has, itself counted."""

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it changes a module that is there")

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """Weights and buffers of it and of its parts, by dotted name."""
        found = {prefix + name: tensor for name, tensor in self.own.items()}
        for name, part in self.parts.items():
            found |= part.tensors(f"{prefix}{name}.")
        return found

    def walk(self) -> "list[tuple[str, PickledModule]]":
        """It and all of its parts, by dotted name."""
        return [("", self)] + [(f"{name}.{below}".rstrip("."), part) for name, one in self.parts.items() for below, part in one.walk()]


class TensorflowNetwork:
    """A network of NVIDIA's TensorFlow programs, as a pickle describes it. The source text in it is not kept."""

    __slots__ = ("components", "name", "settings", "variables", "version")
    name: str
    version: int
    settings: dict[str, Any]
    variables: dict[str, Tensor]
    components: "dict[str, TensorflowNetwork]"

    def __setstate__(self, state: object) -> None:
        if hasattr(self, "variables") or not isinstance(state, Mapping):
            raise pickle.UnpicklingError("it changes a network that is there")
        self.name, self.version = str(state.get("name")), int(state.get("version", 0))
        self.settings = {str(name): value for name, value in dict(state["static_kwargs"]).items()}
        self.variables = {str(name): _as_tensor(value) for name, value in state["variables"]}
        below = {str(name): one for name, one in dict(state.get("components", {})).items()}
        self.components = {name: one for name, one in below.items() if isinstance(one, TensorflowNetwork) and hasattr(one, "variables")}

    def all_variables(self) -> dict[str, Tensor]:
        """Its own and those of its components (which have none), by names with slashes."""
        found = {f"{name}/{own}": tensor for name, below in self.components.items() for own, tensor in below.variables.items()}
        return {**self.variables, **found}


def _as_tensor(value: object) -> Tensor:
    """A numpy array, or a number."""
    if isinstance(value, int | float):
        return torch.tensor(float(value))
    if not isinstance(value, _PickledArray):
        raise pickle.UnpicklingError(f"a variable is a {type(value).__name__}, not an array")
    return torch.from_numpy(value.value.astype(np.float32))


class _AllowedFunction:
    """One of our functions, for a pickle to call and not to change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name!r} of a function")


class _Sealed:
    """A tensor or a storage, out of a pickle's reach: its own methods would do as they are told."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name!r} of a tensor")


class _PickledDtype:
    """A numpy type in the making: its state (byte order and the like) comes after its name."""

    def __init__(self, name: str) -> None:
        self.type = np.dtype(name)
        if self.type.kind not in "biuf":
            raise pickle.UnpicklingError(f"numpy's type {name!r} holds no numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] == ">":
            self.type = self.type.newbyteorder(">")


class _PickledArray:
    """A numpy array in the making."""

    def __init__(self) -> None:
        self.value = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, columns_first, content = state
        value = np.frombuffer(content, kind.type)
        self.value = value.reshape(shape, order="F" if columns_first else "C")


def refused_global(problem: Exception) -> str:
    """The name that torch's allow-list refused; "" if it was something else."""
    named = re.search(r"GLOBAL ([\w.]+)", str(problem))
    return named[1] if named else ""


def _load_storage(content: bytes) -> _Sealed:
    """A storage that is a pickle of its own, inside the pickle."""
    try:
        storage = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        raise (_RefusedError(asked) if (asked := refused_global(problem)) else pickle.UnpicklingError("a storage is damaged")) from None
    if not isinstance(storage, torch.storage.TypedStorage | torch.UntypedStorage):
        raise pickle.UnpicklingError(f"a storage holds a {type(storage).__name__}")
    return _Sealed(storage)


def _rebuild_tensor(held: object, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *rest: object) -> _Sealed:
    storage = held.value if isinstance(held, _Sealed) else None
    if not isinstance(storage, torch.storage.TypedStorage | torch.UntypedStorage):
        raise pickle.UnpicklingError(f"a tensor is made of a {type(held).__name__}, not of a storage")
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch means to part with typed storages one day
        untyped = storage if isinstance(storage, torch.UntypedStorage) else storage.untyped()
    kind = torch.float32 if isinstance(storage, torch.UntypedStorage) else storage.dtype
    last = offset + sum((places - 1) * step for places, step in zip(size, stride, strict=True)) if all(size) else offset - 1
    places = max(last + 1, math.prod(size))  # by strides of zero a tensor can have more places than its storage
    if offset < 0 or any(step < 0 for step in stride) or places * kind.itemsize > untyped.nbytes():
        raise pickle.UnpicklingError(f"a tensor of shape {tuple(size)} reaches beyond its storage")
    return _Sealed(torch.empty(0, dtype=kind).set_(untyped, offset, tuple(size), tuple(stride)))


def _rebuild_parameter(held: object, *rest: object) -> _Sealed:
    if not isinstance(held, _Sealed) or not isinstance(held.value, Tensor):
        raise pickle.UnpicklingError(f"a parameter is made of a {type(held).__name__}, not of a tensor")
    return held


def _rebuild_module(description: object) -> PickledModule:
    """What NVIDIA's loader would run the description's source text for."""
    if not isinstance(description, Mapping) or not isinstance(description.get("state"), Mapping):
        raise pickle.UnpicklingError("a module has no description")
    state = description["state"]
    held = {
        name: one.value for place in ("_parameters", "_buffers") for name, one in state.get(place, {}).items() if isinstance(one, _Sealed)
    }
    tensors = {str(name): tensor for name, tensor in held.items() if isinstance(tensor, Tensor)}
    parts = {str(name): part for name, part in state.get("_modules", {}).items() if isinstance(part, PickledModule)}
    size = 1 + sum(part.size for part in parts.values())
    if size > MAX_MODULES:
        raise pickle.UnpicklingError(f"it has {size:,} modules")
    return PickledModule(str(description.get("class_name")), dict(state), tensors, parts, size)


def _allow_list() -> dict[str, object]:
    """By the names that NVIDIA's files use, functions of ours. Made anew for each file, so that no file changes another's."""

    class Plain(dict[Any, Any]):
        """A dictionary."""

    class Network(TensorflowNetwork):
        """A network in the making."""

        __slots__ = ()

    names: dict[str, Callable[..., Any]] = {
        "collections.OrderedDict": dict,
        "torch_utils.persistence._reconstruct_persistent_obj": _rebuild_module,
        "torch._utils._rebuild_parameter": _rebuild_parameter,
        "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
        "torch._utils._rebuild_tensor": _rebuild_tensor,
        "torch.storage._load_from_bytes": _load_storage,
        "numpy.dtype": lambda name, *_: _PickledDtype(name),
        "_codecs.encode": lambda text, kind: text.encode("latin1"),
        "builtins.set": set,
        "builtins.bytes": lambda *_: b"",  # only empty ones are made so; of a number it would take as much memory
    }
    for room in ("numpy.core.multiarray", "numpy._core.multiarray"):
        names[f"{room}.scalar"] = lambda kind, content: np.frombuffer(content, kind.type)[0].item()
        names[f"{room}._reconstruct"] = lambda *rest: _PickledArray()
    allowed: dict[str, object] = {name: _AllowedFunction(function) for name, function in names.items()}
    # numpy names its own class beside `_reconstruct`, which does not call it; dnnlib's dictionaries are made by their class
    return allowed | {
        "numpy.ndarray": None,
        "dnnlib.util.EasyDict": Plain,
        "dnnlib.EasyDict": Plain,
        "dnnlib.tflib.network.Network": Network,
    }


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, file: io.BufferedIOBase) -> None:
        super().__init__(file)
        self.allowed = _allow_list()

    def find_class(self, module_name: str, global_name: str) -> object:
        name = f"{module_name}.{global_name}".replace("__builtin__.", "builtins.")
        if name not in self.allowed:
            raise _RefusedError(name)
        return self.allowed[name]

    def persistent_load(self, pid: object) -> object:
        raise pickle.UnpicklingError(f"it refers to something outside of it: {pid!r}")


class _RefusedError(Exception):
    pass


def read_nvidia_pickle(path: Path) -> dict[str, PickledModule | TensorflowNetwork]:
    """The networks in a pickle of NVIDIA's, by name (G, D, G_ema). A CheckpointError if it is none, or asks for anything else."""
    try:
        with path.open("rb") as file:
            content = _RestrictedUnpickler(file).load()
    except _RefusedError as name:
        raise CheckpointError(f"{path} asks for {name}, which is not among what official weights need. Nothing of it was run.") from None
    except OSError:
        raise
    except Exception as problem:  # a damaged pickle raises anything at all
        with path.open("rb") as file:
            start = file.read(16)
        if not start.startswith(pickle.PROTO):
            raise CheckpointError(refusal(path, "a file with weights (official ones are .pkl, .pth or .safetensors)")) from None
        raise CheckpointError(f"{path} is not a pickle of NVIDIA's, or is damaged: {str(problem).rstrip('.')}.") from None
    if isinstance(content, TensorflowNetwork):
        content = {"G_ema": content}
    elif isinstance(content, tuple):  # as TensorFlow's programs write them
        content = dict(zip(("G", "D", "G_ema"), content, strict=False))
    found = content.items() if isinstance(content, dict) else ()
    parts = {
        name: one
        for name, one in found
        if isinstance(one, PickledModule) or (isinstance(one, TensorflowNetwork) and hasattr(one, "variables"))
    }
    if not parts:
        raise CheckpointError(f"{path} is a Python pickle, but has no networks of NVIDIA's in it (G, D, G_ema).")
    return parts


def is_state_dict_file(path: Path) -> bool:
    """Whether it has tensors by name: torch wrote the file (its older format or its newer), or safetensors; else it may be a
    pickle of Python's. A CheckpointError if it is empty.
    """
    with path.open("rb") as file:
        start = file.read(32)
    if start.startswith(b"PK\x03\x04") or LEGACY_TORCH_MAGIC.to_bytes(10, "little") in start or _is_safetensors(start):
        return True
    if not start:
        raise CheckpointError(f"{path} is empty. {DOWNLOAD_AGAIN}")
    return False


def _is_safetensors(start: bytes) -> bool:
    return start[8:9] == b"{" and 0 < int.from_bytes(start[:8], "little") < MAX_HEADER_BYTES


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by name, out of a file that torch wrote, by torch's own allow-list, or out of a safetensors file. A CheckpointError if there
    is anything else in it.
    """
    with path.open("rb") as file:
        plain = _is_safetensors(file.read(32))
    try:
        content = load_file(path) if plain else torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        asked = refused_global(problem)
        asks = f"asks for {asked}, which is not" if asked else "holds what is not"
        raise CheckpointError(f"{path} {asks} among what official weights need. Nothing of it was run.") from None
    except Exception as problem:  # a damaged file raises anything at all
        said = str(problem).partition(". ")[0].rstrip(".") or type(problem).__name__
        raise CheckpointError(f"{path} is damaged or cut short ({said}). {DOWNLOAD_AGAIN}") from None
    state = {str(name): tensor for name, tensor in _only_state_dict(content, path).items()}
    if unusual := [name for name, tensor in state.items() if tensor.layout != torch.strided or tensor.is_meta or tensor.is_complex()]:
        raise CheckpointError(f"{path} has tensors that are sparse, complex or without content: {', '.join(unusual[:5])}.")
    if stretched := [name for name, tensor in state.items() if tensor.nbytes > tensor.untyped_storage().nbytes()]:
        raise CheckpointError(f"{path} has tensors with more places than their storage: {', '.join(stretched[:5])}.")
    # of networks that were compiled, or trained on several GPUs
    return {re.sub(r"^(?:(?:_orig_mod|module)\.)+", "", name): tensor for name, tensor in state.items()}


def _only_state_dict(content: object, path: Path) -> dict[Any, Tensor]:
    """The only tensors by name that a file holds: all of it, or one entry, as training programs write them beside the epoch and such."""
    if _are_tensors(content):
        return content
    within = {str(name): entry for name, entry in content.items() if _are_tensors(entry)} if isinstance(content, dict) else {}
    if len(within) > 1:
        raise CheckpointError(
            f"{path} holds several networks ({', '.join(list(within)[:5])}): save the one that is meant in a file of its own."
        )
    if not within:
        raise CheckpointError(f"{path} does not hold tensors by name.")
    return next(iter(within.values()))


def _are_tensors(content: object) -> TypeGuard[dict[Any, Tensor]]:
    return isinstance(content, dict) and len(content) > 0 and all(isinstance(value, Tensor) for value in content.values())
