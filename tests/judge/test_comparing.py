"""What `compare` refuses, and that it leaves a run's own report alone."""

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console

import sparring
from sparring import recipes
from sparring.core.errors import SettingsError
from sparring.data.images.image_spec import ImageSpec
from sparring.data.pairs.pair_spec import PairSpec
from sparring.runs.config import write_config
from sparring.runs.run_directory import RunDirectory

QUIET = Console(quiet=True)


def run_of(folder: Path, recipe: str) -> Path:
    """A run directory with nothing but a config.json: enough to be refused."""
    folder.mkdir()
    spec = ImageSpec(16, 16, 3, ()) if recipe == "dcgan" else PairSpec(16, 16, 3, (), 3, paired=recipe == "pix2pix")
    data = {"spec": spec.to_json(), "fingerprint": "", "source": "somewhere"}
    write_config(
        RunDirectory(folder), {"recipe": recipe, "recipe_settings": asdict(recipes.get(recipe)()), "train_settings": {}, "data": data}
    )
    return folder


def test_everything_that_is_no_run_is_named_at_once(tmp_path: Path) -> None:
    gan, cut, pix = (run_of(tmp_path / name, name) for name in ("dcgan", "cut", "pix2pix"))
    packed = tmp_path / "packed.safetensors"
    packed.write_bytes(b"")
    with pytest.raises(SettingsError) as refused:
        sparring.compare([gan, packed, tmp_path / "images", cut, pix], console=QUIET)
    _, *lines = str(refused.value).splitlines()
    assert len(lines) == 3
    assert str(packed) in lines[0]
    assert "images is not a run directory" in lines[1]
    assert f"{cut} and {pix} translate images" in lines[2]
    assert str(gan) not in "".join(lines).replace(str(cut), "")
    with pytest.raises(SettingsError, match=f"{cut} translates images") as refused:
        sparring.compare([gan, cut], console=QUIET)
    assert "\n" not in str(refused.value)


def test_a_report_of_another_protocol_stays(store_run: Path) -> None:
    own = {name: (store_run / name).read_bytes() for name in ("report.json", "report.html")}
    runs = [store_run, shutil.copytree(store_run, store_run.parent / "other")]
    rows = sparring.compare(runs, samples=12, console=QUIET)
    assert {name: (store_run / name).read_bytes() for name in own} == own
    assert (store_run / "comparison" / "report.html").is_file()
    again = sparring.compare(runs, samples=12, console=QUIET)
    assert [row.means["FD-lite0"] for row in again] == [row.means["FD-lite0"] for row in rows]
    (row,) = sparring.compare(runs, samples=14, console=QUIET)
    assert row.means["FD-lite0"] == pytest.approx(sparring.judge(store_run, samples=14, console=QUIET)["FD-lite0"].value)


@pytest.fixture
def store_run(tmp_path: Path, squares: Path, tiny: dict[str, object]) -> Path:
    """A run that was judged, with 16 samples."""
    run = tmp_path / "run"
    sparring.train("dcgan", squares, run, steps=2, **tiny, console=QUIET)
    sparring.judge(run, samples=16, out=run, console=QUIET)
    return run
