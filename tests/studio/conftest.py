import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from rich.console import Console
from starlette.testclient import TestClient

import sparring
from sparring.data.images.image_spec import ImageSpec
from sparring.inference.model import Model
from sparring.recipes.stylegan2 import StyleGAN2
from sparring.studio.places import Places
from sparring.studio.server import Studio
from support import music, texts
from support.labels import labeled_folder
from support.studio import HOST, TOKEN
from support.table_models import COMMON, SMALL, people


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, squares: Path, scribbler: Path) -> Path:
    """A folder with a model of every kind that the studio shows."""
    folder, quiet = tmp_path_factory.mktemp("shelf"), Console(quiet=True)
    tiny = {"steps": 2, "log_every": 1, "samples": 4, "threads": 1, "device": "cpu", "console": quiet}
    sparring.train("cgan", squares, folder / "gray", batch_size=8, width=4, latent_size=5, size=16, **tiny)
    table = labeled_folder(folder.parent / "labeled" / "images")
    images = folder.parent / "labeled" / "images"
    sparring.train("cgan", images, folder / "labeled", labels=table, batch_size=8, width=4, latent_size=5, **tiny)
    torch.manual_seed(0)
    style = StyleGAN2(channel_max=8, latent_size=6, style_size=6, mapping_layers=2, mapping_rate=1.0)
    game = style.build(ImageSpec(16, 16, 3, ())).requires_grad_(False).eval()
    game.generator.mean.normal_()  # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]
    sparring.pack(Model(game, style, Path("style")), folder / "style.safetensors")
    people(120).to_csv(folder / "people.csv", index=False)
    shutil.copytree(scribbler, folder / "scribbler")
    own = {"steps": 1, "console": quiet, "device": "cpu", **COMMON}
    sparring.train("tabular", folder / "people.csv", folder / "people", **SMALL["tabular"], **own)  # pyright: ignore[reportArgumentType]
    sparring.train("lm", texts.write_titles(folder.parent), folder / "titles", steps=2, console=quiet, **texts.SMALL, **texts.COMMON)
    songs = music.write_songs(folder.parent / "songs")
    sparring.train("musegan", songs, folder / "songs", steps=1, console=quiet, **{**music.COMMON, **music.SMALL})
    return folder


@pytest.fixture(scope="session")
def studio(shelf: Path) -> Iterator[Studio]:
    found = Studio(Places([shelf]))
    yield found
    found.stage.close()


@pytest.fixture(scope="session")
def client(studio: Studio) -> TestClient:
    """Somebody who knows the token."""
    return TestClient(
        studio.app(TOKEN), base_url=f"http://{HOST}", headers={"Authorization": f"Bearer {TOKEN}", "Origin": f"http://{HOST}"}
    )
