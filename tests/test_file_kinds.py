"""Files by other programs are said to be what they are, by every verb, in one line."""

from pathlib import Path

import pytest

import sparring
from sparring.core.file_kinds import kind_of
from support.cli import call
from support.foreign import make

Files = dict[str, tuple[Path, str]]
FOREIGN = (
    "diffusers.safetensors", "timm.safetensors", "nvidia.safetensors", "cut.safetensors", "resnet.pth", "old.pt", "lightning.ckpt",
    "sklearn.pkl", "model.onnx", "keras.h5", "llm.gguf", "pipeline", "vit", "photo.png", "photo.safetensors", "photos.zip", "empty.pth",
    "notes.txt", "page.pkl", "pointer.safetensors",
)  # fmt: skip
VERBS = {
    "sample": ("sample", "FILE", "--out", "s.png"),
    "import": ("import", "FILE", "--out", "imported"),
    "pack": ("pack", "FILE", "p.safetensors"),
    "translate": ("translate", "FILE", "photo.png", "o.png"),
    "judge": ("judge", "FILE", "fashion10k", "--samples", "10"),
    "inspect": ("data", "inspect", "FILE"),
    "train": ("train", "dcgan", "--data", "FILE", "--steps", "1", "--out", "run"),
    "doctor": ("doctor", "--data", "FILE"),
    "diagnose": ("diagnose", "FILE"),
}
READ = {("photos.zip", verb) for verb in ("inspect", "train", "doctor", "judge")} | {("notes.txt", "diagnose")}
"""What is no mistake, or fails for its content."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make(tmp_path_factory.mktemp("foreign"))


def test_every_file_is_tried(files: Files) -> None:
    assert set(files) == set(FOREIGN)


@pytest.mark.parametrize("name", FOREIGN)
def test_what_a_file_is_is_told_by_its_beginning(files: Files, name: str, tmp_path: Path) -> None:
    path, word = files[name]
    assert word in kind_of(path).says
    damaged = name in {"cut.safetensors", "empty.pth", "page.pkl", "pointer.safetensors"}
    assert (kind_of(path).holds == "damaged") == damaged


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_says_what_a_file_is(
    files: Files, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, (path, word) in files.items():
        if (name, verb) in READ:
            continue
        assert call(*(path if argument == "FILE" else argument for argument in VERBS[verb])) == 1, name
        said = capsys.readouterr().err
        assert word in said.replace(str(path.parent), ""), said
        looked_for = verb == "import" and "What was looked for" in said  # with a table of it
        assert len(said.strip().splitlines()) == (7 if looked_for else 1), said
        if word not in {"cut short", "empty", "HTML", "Git LFS"}:
            assert "damaged" not in said, said
        official = {"lightning.ckpt", "resnet.pth", "old.pt", "sklearn.pkl", "nvidia.safetensors"}
        assert ("sparring import" in said) == (verb != "import" and name in official), said
    assert not list(tmp_path.iterdir())


def test_what_is_to_be_translated_is_said_too(files: Files, scribbler: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, (path, word) in files.items():
        if kind_of(path).holds == "images":
            continue
        assert call("translate", scribbler, path, tmp_path / "out") == 1, name
        said = capsys.readouterr().err
        assert word in said, said
        assert len(said.strip().splitlines()) == 1, said


def test_models_of_ours_are_told(scribbler: Path, tmp_path: Path) -> None:
    packed = sparring.pack(scribbler, tmp_path / "p.safetensors")
    assert kind_of(packed).holds == kind_of(scribbler).holds == "model"
    with pytest.raises(sparring.SparringError, match="sparring translate"):
        sparring.open_source(packed)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(packed.read_bytes()[:-1])
    with pytest.raises(sparring.SparringError, match="cut short"):
        sparring.load(cut)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    for protocol in (b"cos\nsystem\n(S'touch %s'\ntR.", b"\x80\x04cos\nsystem\n(S'touch %s'\ntR."):
        (tmp_path / "evil.pkl").write_bytes(protocol % str(tmp_path / "ran").encode())
        kind_of(tmp_path / "evil.pkl")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "content", [b"\x80", b"PK", b"PK\x03\x04" + bytes(40), b"\x08", bytes(8) + b"{", b"\x05" + bytes(7) + b"{}", b"RIFF", bytes(4096)]
)
def test_fragments_are_told_without_failing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert kind_of(tmp_path / "x").holds in {"damaged", "other", "images"}
