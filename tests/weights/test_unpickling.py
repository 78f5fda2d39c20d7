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

from sparring.core.errors import CheckpointError
from sparring.interop.import_weights import import_weights
from sparring.interop.safe_unpickling import read_nvidia_pickle
from support.golden import GOLDEN, golden


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
    with pytest.raises(CheckpointError, match=r"asks for [\w.]+, which official weights do not need. Nothing in it was run"):
        import_weights(file)
    assert not mark.exists()


def test_the_refusal_names_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickle.dumps(Calls(os.system, "true")))
    with pytest.raises(CheckpointError, match=r"asks for posix\.system"):
        import_weights(tmp_path / "f")
    (tmp_path / "f").write_bytes(call("dnnlib.tflib.network", "Network"))
    with pytest.raises(CheckpointError, match="without any of NVIDIA's networks"):
        import_weights(tmp_path / "f")
    (tmp_path / "f").write_bytes(call("dnnlib.tflib.tfutil", "run"))
    with pytest.raises(CheckpointError, match=r"asks for dnnlib\.tflib\.tfutil\.run, which official weights do not need"):
        import_weights(tmp_path / "f")


def test_a_storage_inside_is_held_to_the_same(tmp_path: Path) -> None:
    """The bytes of a storage are a pickle of their own, which NVIDIA's loader runs too."""
    mark, inner = tmp_path / "mark", io.BytesIO()
    torch.save(Calls(os.system, f"touch {mark}"), inner, _use_new_zipfile_serialization=False)
    zipped = io.BytesIO()
    torch.save(Calls(os.system, f"touch {mark}"), zipped)
    for content in (inner, zipped):
        (tmp_path / "f").write_bytes(call("torch.storage", "_load_from_bytes", content.getvalue()))
        with pytest.raises(CheckpointError, match=r"asks for posix\.system, which official weights do not need") as caught:
            import_weights(tmp_path / "f")
        assert "weights_only" not in str(caught.value)
    assert not mark.exists()


def test_tensors_of_unusual_kinds_and_boundless_bytes(tmp_path: Path) -> None:
    for tensor in (torch.eye(3).to_sparse(), torch.zeros(2, dtype=torch.complex64), torch.zeros(2, device="meta")):
        torch.save({"blocks.0.0.conv1.weight": tensor, "linear.weight": torch.zeros(2)}, tmp_path / "f.pth")
        with pytest.raises(CheckpointError, match="sparse, complex or empty of data: blocks"):
            import_weights(tmp_path / "f.pth")
    (tmp_path / "f").write_bytes(call("builtins", "bytes", 1 << 62))
    with pytest.raises(CheckpointError, match="without any of NVIDIA's networks"):
        import_weights(tmp_path / "f")


def test_source_text_in_a_file_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    source = f"open({str(mark)!r}, 'w')\nclass Generator: pass\n"
    described = {"type": "class", "version": 6, "module_src": source, "class_name": "Generator", "state": {"img_resolution": 8}}
    (tmp_path / "f").write_bytes(call("torch_utils.persistence", "_reconstruct_persistent_obj", described))
    with pytest.raises(CheckpointError, match="without any of NVIDIA's networks"):
        import_weights(tmp_path / "f")
    whole = b"\x80\x04}" + pickled("G") + call("torch_utils.persistence", "_reconstruct_persistent_obj", described)[2:-1] + b"s."
    (tmp_path / "f").write_bytes(whole)
    assert read_nvidia_pickle(tmp_path / "f")["G"].kind == "Generator"
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


def in_a_row(*parts: bytes) -> bytes:
    return b"\x80\x04" + b"".join(parts) + b"."


def test_what_is_made_cannot_be_told_to_change_itself(tmp_path: Path) -> None:
    """BUILD calls `__setstate__`, and a tensor's own would read beyond its storage."""
    storage = io.BytesIO()
    torch.save(torch.zeros(4).storage(), storage, _use_new_zipfile_serialization=False)
    inside = call("torch.storage", "_load_from_bytes", storage.getvalue())[2:-1]
    parts = b"".join(pickled(one) for one in (0, (4,), (1,), False, None))
    tensor = pickle.GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n(" + inside + parts + b"t" + pickle.REDUCE
    module = call("torch_utils.persistence", "_reconstruct_persistent_obj", {"class_name": "G", "state": {"x": 1}})[2:-1]
    for thing in (inside, tensor, module):
        for state in ((None, {"parts": {}, "value": 1}), {"parts": {}}, (1, 2, 3, 4)):
            (tmp_path / "f").write_bytes(in_a_row(thing, pickled(state), pickle.BUILD))
            with pytest.raises(CheckpointError, match="damaged"):
                import_weights(tmp_path / "f")


def test_a_storage_that_is_something_else_is_refused(tmp_path: Path) -> None:
    """A function of torch's, brought in through the inner pickle, could be changed for the whole process."""
    heading = b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    for name in (b"collections\nCounter\n", b"torch._utils\n_rebuild_tensor_v2\n", b"torch\nFloatStorage\n"):
        inner = heading + b"\x80\x02" + pickle.GLOBAL + name + b"." + pickle.dumps([], 2)
        (tmp_path / "f").write_bytes(call("torch.storage", "_load_from_bytes", inner))
        with pytest.raises(CheckpointError, match="damaged"):
            import_weights(tmp_path / "f")


def test_small_files_of_boundless_things_are_refused(tmp_path: Path) -> None:
    """Modules that hold each other twice, forty deep; more classes than memory; tensors of one number with a step of zero."""

    name = pickle.GLOBAL + b"torch_utils.persistence\n_reconstruct_persistent_obj\n"

    def module(parts: bytes) -> bytes:
        """A call of that name on {"class_name": "G", "state": {"_modules": parts}}."""
        described = b"}(" + pickled("class_name") + pickled("G") + pickled("state") + b"}" + pickled("_modules") + parts + b"ssu"
        return name + described.replace(b"ssu", b"su") + b"\x85" + pickle.REDUCE

    content = module(b"}")
    for level in range(40):
        place = bytes([level + 1])
        content = content + b"q" + place + b"0" + module(b"}(" + pickled("a") + b"h" + place + pickled("b") + b"h" + place + b"u")
    (tmp_path / "f").write_bytes(in_a_row(b"}", pickled("G"), content, b"s"))
    with pytest.raises(CheckpointError, match="modules"):
        import_weights(tmp_path / "f")
    torch.save({"linear.weight": torch.zeros(1).expand(10**10), "blocks.0.0.conv1.weight": torch.zeros(1)}, tmp_path / "f")
    with pytest.raises(CheckpointError, match=r"more elements than their storage: linear\.weight"):
        import_weights(tmp_path / "f")


@golden
def test_damaged_files_are_refused(tmp_path: Path) -> None:
    whole = (GOLDEN / "stylegan2ada-32-cond10.pkl").read_bytes()
    file = tmp_path / "f.pkl"
    state = (GOLDEN / "biggan-32-hier-G.pth").read_bytes()
    torch.save(torch.load(GOLDEN / "biggan-32-hier-G.pth", weights_only=True), file, _use_new_zipfile_serialization=False)
    older = file.read_bytes()
    for content, said in (
        (b"", "is empty"),
        (b"<html>not found", "an HTML page"),
        (struct.pack("<Q", 7) * 4, "not known here.+not a file with weights"),
        (whole[: len(whole) // 2], "is damaged"),
        (state[: len(state) // 2], "damaged or cut short"),
        (state[:-100], "damaged or cut short"),
        (older[: len(older) // 2], "damaged or cut short"),
        (older[:30], r"damaged or cut short \(.+\)"),
        (struct.pack("<Q", 70) + b'{"', "damaged or cut short"),
    ):
        file.write_bytes(content)
        with pytest.raises(CheckpointError, match=said):
            import_weights(file)
    torch.save([torch.zeros(3)], file)
    with pytest.raises(CheckpointError, match="does not hold tensors by name"):
        import_weights(file)
    with pytest.raises(CheckpointError, match="does not exist"):
        import_weights(tmp_path / "absent.pkl")
