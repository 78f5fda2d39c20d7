"""Reads pickled weights without running code from them: an allow-list can create tensors, numbers and text, and nothing else.

A pickle is a program that names functions and calls them. Here, each name that NVIDIA's files need is bound to a function of this module;
every other name is refused before anything is called. The source code that those files contain is never used.
"""

import io
import math
import pickle
import re
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from sparring.core.errors import CheckpointError
from sparring.core.file_kinds import refusal

LEGACY_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""Number that files of torch's legacy format begin with, pickled separately."""
MAX_MODULES = 10_000
MAX_HEADER_BYTES = 100_000_000
"""Largest header of a safetensors file in bytes, as in its own library."""
DOWNLOAD_AGAIN = "Download or copy it again."
INERT = {"argparse", "easydict", "lightning", "lightning_fabric", "pathlib", "pytorch_lightning"}
"""Packages whose objects checkpoints hold beside weights, such as a program's settings. Nothing of these is imported or run."""
MOST_INERT = 100
"""Largest number of such names in one file."""
DEEPEST = 5
"""Dictionaries within dictionaries that are searched for tensors."""


@dataclass(frozen=True, slots=True)
class PickledModule:
    """A module of NVIDIA's PyTorch programs, as a pickle describes it."""

    kind: str
    """Name of the module's class."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Attributes that are not tensors."""
    own: dict[str, Tensor] = field(default_factory=dict)
    """Weights and buffers of the module itself, by name."""
    parts: "dict[str, PickledModule]" = field(default_factory=dict)

    size: int = 1
    """Number of modules in it, including itself."""

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it changes an existing module")

    def tensors(self, prefix: str = "") -> dict[str, Tensor]:
        """Weights and buffers of the module and of its parts, by dotted name."""
        found = {prefix + name: tensor for name, tensor in self.own.items()}
        for name, part in self.parts.items():
            found |= part.tensors(f"{prefix}{name}.")
        return found

    def walk(self) -> "list[tuple[str, PickledModule]]":
        """The module and all of its parts, with dotted names."""
        return [("", self)] + [(f"{name}.{below}".rstrip("."), part) for name, one in self.parts.items() for below, part in one.walk()]


class TensorflowNetwork:
    """A network of NVIDIA's TensorFlow programs, as a pickle describes it, without the source code in the pickle."""

    __slots__ = ("components", "name", "settings", "variables", "version")
    name: str
    version: int
    settings: dict[str, Any]
    variables: dict[str, Tensor]
    components: "dict[str, TensorflowNetwork]"

    def __setstate__(self, state: object) -> None:
        if hasattr(self, "variables") or not isinstance(state, Mapping):
            raise pickle.UnpicklingError("it changes an existing network")
        self.name, self.version = str(state.get("name")), int(state.get("version", 0))
        self.settings = {str(name): value for name, value in dict(state["static_kwargs"]).items()}
        self.variables = {str(name): _as_tensor(value) for name, value in state["variables"]}
        below = {str(name): one for name, one in dict(state.get("components", {})).items()}
        self.components = {name: one for name, one in below.items() if isinstance(one, TensorflowNetwork) and hasattr(one, "variables")}

    def all_variables(self) -> dict[str, Tensor]:
        """Variables of the network and of its components, by names with slashes. Components have no components of their own."""
        found = {f"{name}/{own}": tensor for name, below in self.components.items() for own, tensor in below.variables.items()}
        return {**self.variables, **found}


def _as_tensor(value: object) -> Tensor:
    """A pickled array or a number as a tensor."""
    if isinstance(value, int | float):
        return torch.tensor(float(value))
    if not isinstance(value, _PickledArray):
        raise pickle.UnpicklingError(f"a variable is a {type(value).__name__}, not an array")
    return torch.from_numpy(value.value.astype(np.float32))


class _AllowedFunction:
    """A function of this module that a pickle can call but not change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name!r} of a function")


class _Sealed:
    """A tensor or storage that a pickle can pass on but not change, because it cannot reach the value's own methods."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        object.__setattr__(self, "value", value)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError(f"it sets {name!r} of a tensor")


class _Inert:
    """Stands for any object that weights do not need: takes whatever it is given, and does nothing."""

    def __new__(cls, *arguments: object) -> "_Inert":
        return super().__new__(cls)

    def __init__(self, *arguments: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _InertDictionary:
    """Stands for a dictionary of a class of its own: torch fills nothing but its own kinds, so this is one of those."""

    def __new__(cls, *arguments: object) -> "OrderedDict[Any, Any]":  # pyright: ignore[reportInvalidTypeVarUse]
        return OrderedDict()


class _PickledDtype:
    """A numpy dtype under construction: a pickle sets its state (such as the byte order) after creating it by name."""

    def __init__(self, name: str) -> None:
        self.type = np.dtype(name)
        if self.type.kind not in "biuf":
            raise pickle.UnpicklingError(f"numpy's type {name!r} holds no numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] == ">":
            self.type = self.type.newbyteorder(">")


class _PickledArray:
    """A numpy array under construction: a pickle sets its state after creating it."""

    def __init__(self) -> None:
        self.value = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, columns_first, content = state
        value = np.frombuffer(content, kind.type)
        self.value = value.reshape(shape, order="F" if columns_first else "C")


def refused_global(problem: Exception) -> str:
    """The name that torch's allow-list refused, or "" if the error has another reason."""
    named = re.search(r"GLOBAL ([\w.]+)", str(problem))
    return named[1] if named else ""


def _load_storage(content: bytes) -> _Sealed:
    """A storage from a nested pickle, read with torch's allow-list."""
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
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # torch plans to remove typed storages
        untyped = storage if isinstance(storage, torch.UntypedStorage) else storage.untyped()
    kind = torch.float32 if isinstance(storage, torch.UntypedStorage) else storage.dtype
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) if all(size) else offset - 1
    elements = max(last + 1, math.prod(size))  # with strides of zero, a tensor can have more elements than its storage
    if offset < 0 or any(step < 0 for step in stride) or elements * kind.itemsize > untyped.nbytes():
        raise pickle.UnpicklingError(f"a tensor of shape {tuple(size)} reaches beyond its storage")
    return _Sealed(torch.empty(0, dtype=kind).set_(untyped, offset, tuple(size), tuple(stride)))


def _rebuild_parameter(held: object, *rest: object) -> _Sealed:
    if not isinstance(held, _Sealed) or not isinstance(held.value, Tensor):
        raise pickle.UnpicklingError(f"a parameter is made of a {type(held).__name__}, not of a tensor")
    return held


def _rebuild_module(description: object) -> PickledModule:
    """A module from its description, from which NVIDIA's loader would run the source code."""
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
    """Functions of this module by the names that NVIDIA's files use. Created anew for each file, so that no file can affect another."""

    class Plain(dict[Any, Any]):
        """A dictionary."""

    class Network(TensorflowNetwork):
        """A network under construction."""

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
        "builtins.bytes": lambda *_: b"",  # files only create empty ones; with a number as argument it would allocate as many bytes
    }
    for room in ("numpy.core.multiarray", "numpy._core.multiarray"):
        names[f"{room}.scalar"] = lambda kind, content: np.frombuffer(content, kind.type)[0].item()
        names[f"{room}._reconstruct"] = lambda *rest: _PickledArray()
    allowed: dict[str, object] = {name: _AllowedFunction(function) for name, function in names.items()}
    # numpy passes its own class to `_reconstruct`, which does not call it; dnnlib's dictionaries are created by their class
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
        raise pickle.UnpicklingError(f"it refers to an object outside of it: {pid!r}")


class _RefusedError(Exception):
    pass


def read_nvidia_pickle(path: Path) -> dict[str, PickledModule | TensorflowNetwork]:
    """The networks in one of NVIDIA's pickles, by name (G, D, G_ema).

    Raises a CheckpointError if the file is something else, is damaged, or refers to anything outside the allow-list.
    """
    try:
        with path.open("rb") as file:
            content = _RestrictedUnpickler(file).load()
    except _RefusedError as name:
        raise CheckpointError(f"{path} asks for {name}, which official weights do not need. Nothing in it was run.") from None
    except OSError:
        raise
    except Exception as problem:  # a damaged pickle raises anything at all
        with path.open("rb") as file:
            start = file.read(16)
        if not start.startswith(pickle.PROTO):
            raise CheckpointError(refusal(path, "a file with weights (official ones are .pkl, .pth or .safetensors)")) from None
        raise CheckpointError(f"{path} is not one of NVIDIA's pickles, or is damaged: {str(problem).rstrip('.')}.") from None
    if isinstance(content, TensorflowNetwork):
        content = {"G_ema": content}
    elif isinstance(content, tuple):  # as NVIDIA's TensorFlow programs write them
        content = dict(zip(("G", "D", "G_ema"), content, strict=False))
    found = content.items() if isinstance(content, dict) else ()
    parts = {
        name: one
        for name, one in found
        if isinstance(one, PickledModule) or (isinstance(one, TensorflowNetwork) and hasattr(one, "variables"))
    }
    if not parts:
        raise CheckpointError(f"{path} is a Python pickle without any of NVIDIA's networks (G, D, G_ema).")
    return parts


def is_state_dict_file(path: Path) -> bool:
    """Whether a file was written by torch (in its old or new format) or safetensors, so that it holds tensors by name. Otherwise it may be
    a plain pickle. Raises a CheckpointError if the file is empty.
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


def read_states(path: Path) -> dict[str, dict[str, Tensor]]:
    """Every dictionary of tensors in a file that torch or safetensors wrote, by where it lies: "" for the file itself, "netG" for its entry
    of that name, "state_dict" in a checkpoint of Lightning. Optimizer states, whose entries are numbered, are left out.

    Raises a CheckpointError if the file is damaged or asks for code.
    """
    with path.open("rb") as file:
        plain = _is_safetensors(file.read(32))
    try:
        content = load_file(path) if plain else _load_torch_file(path)
    except pickle.UnpicklingError as problem:
        refused = refused_global(problem)
        content = f"asks for {refused}, which" if refused else "holds objects that"
        whole = refused.startswith(("__main__.", "torch.nn."))
        hint = " It holds a whole network with its class: save network.state_dict() in the program that wrote it." if whole else ""
        raise CheckpointError(f"{path} {content} official weights do not need. Nothing in it was run.{hint}") from None
    except Exception as problem:  # damaged files raise arbitrary errors
        reason = str(problem).partition(". ")[0].rstrip(".") or type(problem).__name__
        raise CheckpointError(f"{path} is damaged or cut short ({reason}). {DOWNLOAD_AGAIN}") from None
    states = dict(_dictionaries_of_tensors(content))
    if not states:
        raise CheckpointError(f"{path} does not hold tensors by name.")
    tensors = {f"{place}.{name}".lstrip("."): tensor for place, state in states.items() for name, tensor in state.items()}
    if unusual := [name for name, tensor in tensors.items() if tensor.layout != torch.strided or tensor.is_meta or tensor.is_complex()]:
        raise CheckpointError(f"{path} has tensors that are sparse, complex or empty of data: {', '.join(unusual[:5])}.")
    if stretched := [name for name, tensor in tensors.items() if tensor.nbytes > tensor.untyped_storage().nbytes()]:
        raise CheckpointError(f"{path} has tensors with more elements than their storage: {', '.join(stretched[:5])}.")
    return states


def _load_torch_file(path: Path) -> object:
    """A file of torch's, read with torch's allow-list. What `INERT` packages' names stand for is replaced by objects without behavior."""
    inert: dict[str, type] = {}
    while True:
        try:
            with torch.serialization.safe_globals([(kind, name) for name, kind in inert.items()]):
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as problem:
            name = refused_global(problem)
            if name.partition(".")[0] not in INERT or name in inert or len(inert) == MOST_INERT:
                raise
            inert[name] = type(name.rpartition(".")[2], (_InertDictionary if name.lower().endswith("dict") else _Inert,), {})


def _dictionaries_of_tensors(content: object, place: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Tensor]]]:
    if not isinstance(content, dict) or depth > DEEPEST:
        return
    named = {name: value for name, value in content.items() if isinstance(name, str)}
    if own := {name: value for name, value in named.items() if isinstance(value, Tensor)}:
        yield place, own
    for name, value in named.items():
        yield from _dictionaries_of_tensors(value, f"{place}.{name}".lstrip("."), depth + 1)
