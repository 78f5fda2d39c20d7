"""Files that try to run code, reach beyond themselves, or are damaged: each is refused, by the name of what it asks for."""

import builtins
import collections
import io
import os
import pickle
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from golden import GOLDEN, golden
from sparring.core.errors import CheckpointError
from sparring.models import import_weights
from sparring.weights.unpickling import read_persistent


class Calls:
    """Pickled as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: object, state: object = None) -> None:
        self.call = (function, arguments, state) if state is not None else (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def pickled(value: object) -> bytes:
    """Its opcodes alone: no heading, no frame, no end."""
    return pickle.dumps(value, 2)[2:-1]


def call(module: str, name: str, *arguments: object) -> bytes:
    """A pickle that calls that function."""
    return b"\x80\x04" + pickle.GLOBAL + f"{module}\n{name}\n".encode() + pickled(tuple(arguments)) + pickle.REDUCE + b"."


def ran(path: Path) -> list[Any]:
    """Each way to leave a mark at `path`."""
    mark = f"touch {path}"
    return [
        Calls(os.system, mark),
        Calls(subprocess.Popen, ["touch", str(path)]),
        Calls(builtins.eval, f"open({str(path)!r}, 'w')"),
        Calls(builtins.exec, f"open({str(path)!r}, 'w')"),
        Calls(builtins.open, str(path), "w"),
        Calls(builtins.getattr, Calls(builtins.__import__, "os"), "system"),
        Calls(builtins.__import__, "os"),
        Calls(torch.load, str(path)),
        Calls(pickle.loads, pickle.dumps(Calls(os.system, mark))),
        Calls(collections.OrderedDict, (), state=Calls(os.system, mark)),
    ]


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("where", ["alone", "deep", "in torch's format"])
def test_a_file_that_asks_for_a_function_is_refused_by_its_name(number: int, where: str, tmp_path: Path) -> None:
    mark, file = tmp_path / "mark", tmp_path / "file"
    attack = ran(mark)[number]
    if where == "in torch's format":
        torch.save({"linear.weight": torch.zeros(2), "more": attack}, file)
    else:
        file.write_bytes(pickle.dumps(attack if where == "alone" else {"G": {"state": [{"deeper": (1, attack)}]}}))
    with pytest.raises(CheckpointError, match=r"asks for [\w.]+, which is not among what official weights need. Nothing of it was run"):
        import_weights(file)
    assert not mark.exists()


def test_the_refusal_names_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickle.dumps(Calls(os.system, "true")))
    with pytest.raises(CheckpointError, match=r"asks for posix\.system"):
        import_weights(tmp_path / "f")
    (tmp_path / "f").write_bytes(call("dnnlib.tflib.network", "Network"))
    with pytest.raises(CheckpointError, match=r"asks for dnnlib\.tflib\.network\.Network.*TensorFlow file.*legacy\.py"):
        import_weights(tmp_path / "f")


def test_a_storage_inside_is_held_to_the_same(tmp_path: Path) -> None:
    """The bytes of a storage are a pickle of their own, which NVIDIA's loader runs too."""
    mark, inner = tmp_path / "mark", io.BytesIO()
    torch.save(Calls(os.system, f"touch {mark}"), inner, _use_new_zipfile_serialization=False)
    (tmp_path / "f").write_bytes(call("torch.storage", "_load_from_bytes", inner.getvalue()))
    with pytest.raises(CheckpointError, match="is not a pickle of NVIDIA's, or is damaged"):
        import_weights(tmp_path / "f")
    assert not mark.exists()


def test_source_text_in_a_file_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    source = f"open({str(mark)!r}, 'w')\nclass Generator: pass\n"
    described = {"type": "class", "version": 6, "module_src": source, "class_name": "Generator", "state": {"img_resolution": 8}}
    (tmp_path / "f").write_bytes(call("torch_utils.persistence", "_reconstruct_persistent_obj", described))
    with pytest.raises(CheckpointError, match="no networks of NVIDIA's in it"):
        import_weights(tmp_path / "f")
    whole = b"\x80\x04}" + pickled("G") + call("torch_utils.persistence", "_reconstruct_persistent_obj", described)[2:-1] + b"s."
    (tmp_path / "f").write_bytes(whole)
    assert read_persistent(tmp_path / "f")["G"].kind == "Generator"
    with pytest.raises(CheckpointError, match="'synthesis'"):
        import_weights(tmp_path / "f")
    assert not mark.exists()


def test_allowed_names_cannot_be_changed_or_turned_against_us(tmp_path: Path) -> None:
    def building(module: str, name: str, state: object) -> bytes:
        return b"\x80\x04" + pickle.GLOBAL + f"{module}\n{name}\n".encode() + pickled(state) + pickle.BUILD + b"."

    for module, name in (("torch._utils", "_rebuild_parameter"), ("collections", "OrderedDict")):
        (tmp_path / "f").write_bytes(building(module, name, (None, {"__call__": 1, "_function": 2})))
        with pytest.raises(CheckpointError, match="damaged"):
            import_weights(tmp_path / "f")
    storage = io.BytesIO()
    torch.save(torch.zeros(4).storage(), storage, _use_new_zipfile_serialization=False)
    inside = call("torch.storage", "_load_from_bytes", storage.getvalue())[2:-1]

    def tensor(offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
        arguments = inside + b"".join(pickled(one) for one in (offset, size, stride, False, None))
        return b"\x80\x04" + pickle.GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n(" + arguments + b"t" + pickle.REDUCE + b"."

    for offset, size, stride in ((0, (5,), (1,)), (-1, (2,), (1,)), (3, (2,), (1,)), (0, (2, 2), (-1, 1)), (0, (1 << 60,), (1 << 60,))):
        (tmp_path / "f").write_bytes(tensor(offset, size, stride))
        with pytest.raises(CheckpointError, match="reaches beyond its storage"):
            import_weights(tmp_path / "f")


@golden
def test_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = (GOLDEN / "stylegan2ada-32-cond10.pkl").read_bytes()
    file = tmp_path / "f.pkl"
    for content in (b"", b"not a pickle", whole[: len(whole) // 2], struct.pack("<Q", 7) * 4):
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged"):
            import_weights(file)
    state = (GOLDEN / "biggan-32-hier-G.pth").read_bytes()
    file.write_bytes(state[: len(state) // 2])
    with pytest.raises(CheckpointError):
        import_weights(file)
    torch.save([torch.zeros(3)], file)
    with pytest.raises(CheckpointError, match="does not hold tensors by name"):
        import_weights(file)
    with pytest.raises(CheckpointError, match="is not a file"):
        import_weights(tmp_path / "absent.pkl")
