"""What the studio answers: the same bytes as the commands that it shows, and a sentence to whatever cannot be answered."""

import io
import shlex
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from rich.console import Console
from starlette.testclient import TestClient

import sparring
from sparring.data.points.mixtures import mixture
from sparring.data.store import Store
from sparring.games.adversarial import TwoPlayerGame
from sparring.latent.directions import move_along_direction
from sparring.latent.points import FoundPoints, images_named
from sparring.latent.steering import Steering, steer, steering_directions
from sparring.latent.walks import walk_through
from sparring.playground_2d.live import LiveGame
from sparring.playground_2d.play import PlaygroundSettings, started
from sparring.studio import open_models, translate
from sparring.studio.nearest import nearest_pixels
from sparring.studio.places import Places
from sparring.studio.server import MOST_HEADER_BYTES, Studio
from support.cli import call
from support.studio import HOST, LIVE, TOKEN, ask, ask_once, id_of, message, read


def png(size: tuple[int, int] = (32, 32), kind: str = "PNG") -> bytes:
    file, image = io.BytesIO(), Image.new("L", size, 255)
    ImageDraw.Draw(image).ellipse((4, 4, 26, 26), outline=0, width=2)
    image.save(file, kind)
    return file.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A few hundred bytes that say they are a very large image."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


# ---------------------------------------------------------------------------------------------- the same file, to the byte

STATES = {
    "one image": ("gray", {"lane": "steer", "seed": 5}, "image.png"),
    "a class, a walk, truncation and directions": (
        "gray",
        {"lane": "steer", "seed": 1, "number": 4, "label": "1", "to": 8, "at": 0.25, "truncation": 0.5, "move": {"0": 1.5, "2": -2.25}},
        "image.png",
    ),
    "several labels": ("labeled", {"lane": "steer", "seed": 2, "number": 2, "label": "shape=flat,gray=12"}, "image.png"),
    "styles moved in some layers": (
        "style.safetensors",
        {"lane": "steer", "seed": 3, "number": 2, "truncation": 0.7, "move": {"1": 3}, "method": "principal", "layers": [1, 3]},
        "image.png",
    ),
    "styles mixed": ("style.safetensors", {"lane": "mix", "coarse": [1, 2], "fine": [3, 4, 5], "layer": 2}, "image.png"),
    "rows": ("people", {"lane": "save", "number": 12, "seed": 2, "where": ["city=Paris"]}, "lines.csv"),
    "texts": ("titles", {"lane": "save", "number": 30, "seed": 1, "temperature": 0.8}, "texts.txt"),
    "phrases of music": ("songs", {"lane": "save", "number": 2, "seed": 1, "as": "mid"}, "songs.mid"),
    "a translation": ("scribbler", {"lane": "translate", "name": "my drawing.png", "size": 32}, "translation.png"),
    "a photograph, made a scribble first": ("scribbler", {"lane": "translate", "name": "a.png", "made": "scribble"}, "translation.png"),
}


@pytest.mark.parametrize("state", STATES)
def test_the_command_and_the_python_that_are_shown_make_the_same_file(
    state: str, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, values, out = STATES[state]
    sent = png() if values["lane"] == "translate" else b""
    about, content = ask_once(client, {**values, "model": id_of(client, name)}, sent)
    assert "error" not in about
    assert len(content) > 50
    monkeypatch.chdir(tmp_path)
    Path(values.get("name", "unused")).write_bytes(sent)
    assert call(*shlex.split(about["command"])[1:]) == 0
    assert Path(out).read_bytes() == content
    Path(out).unlink()
    exec(about["python"], {})
    if out == "image.png" or values["lane"] == "translate":
        assert Path(out).read_bytes() == content


def test_labels_are_asked_for_as_the_page_shows(client: TestClient) -> None:
    model = id_of(client, "labeled")
    about, _ = ask_once(client, {"lane": "open", "model": model})
    example = about["steer"]["labels"]
    assert [each.partition("=")[0] for each in example.split(",")] == ["shape", "left", "gray"]
    assert about["steer"]["classes"] == []
    assert "error" not in ask_once(client, {"lane": "steer", "model": model, "label": example})[0]
    assert "shape is never 'round'" in ask_once(client, {"lane": "steer", "model": model, "label": "shape=round"})[0]["error"]


def test_an_image_is_another_one_for_every_value_of_its_state(client: TestClient) -> None:
    model = id_of(client, "style.safetensors")
    states = [
        {},
        {"seed": 1},
        {"truncation": 0.5},
        {"to": 4, "at": 0.9},
        {"move": {"0": 3}},
        {"move": {"1": 3}},
        {"move": {"0": 3}, "layers": [0, 1]},
    ]
    states.append({"move": {"0": 3}, "method": "principal"})
    with client.websocket_connect(LIVE) as socket:
        images = [ask(socket, {"lane": "steer", "model": model, **state})[1] for state in states]
    assert len(set(images)) == len(states)


def test_a_walk_begins_and_ends_at_its_seeds_and_a_move_is_that_of_the_latent_tools(shelf: Path) -> None:
    model = sparring.load(shelf / "style.safetensors")
    here, there = (steer(model, Steering(seed=seed)) for seed in (2, 6))
    torch.testing.assert_close(steer(model, Steering(seed=2, to=6, at=0.0)), here, atol=1e-5, rtol=0)
    torch.testing.assert_close(steer(model, Steering(seed=2, to=6, at=1.0)), there, atol=1e-5, rtol=0)
    found = steering_directions(model, "weights")
    moved = move_along_direction(model, [2], found, which=1, reach=2.0, steps=3, layers=(0, 2))[0, 2]
    torch.testing.assert_close(steer(model, Steering(seed=2, move={1: 2.0}, layers=(0, 2)))[0], moved, atol=1e-5, rtol=0)
    truncated = steer(model, Steering(seed=2, number=3, truncation=0.5))
    torch.testing.assert_close(truncated, model.sample(3, seed=2, truncation=0.5), atol=1e-5, rtol=0)


def test_projected_images_are_a_beginning(shelf: Path, tmp_path: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sparring.load(shelf / "style.safetensors")
    layers, size = model.generator.layers, 6  # pyright: ignore[reportOptionalMemberAccess]
    points = torch.randn(2, layers, size, generator=torch.Generator().manual_seed(1))  # pyright: ignore[reportArgumentType]
    np.savez(tmp_path / "points.npz", points=points.numpy())
    own = Studio(Places([shelf / "style.safetensors", shelf / "gray", tmp_path / "points.npz"]))
    page = TestClient(own.app(TOKEN), base_url=f"http://{HOST}", headers=dict(client.headers))
    with page.websocket_connect(LIVE) as socket:
        opened, _ = ask(socket, {"lane": "open", "model": id_of(page, "style.safetensors")})
        others, _ = ask(socket, {"lane": "open", "model": id_of(page, "gray")})
        file = opened["steer"]["points"][0]
        about, content = ask(socket, {"lane": "steer", "model": opened["model"], "points": file["id"], "point": 1})
        mixed, _ = ask(socket, {"lane": "mix", "model": opened["model"], "points": file["id"], "fine": [3, 4], "layer": 2})
        walked, grid = ask(socket, {"lane": "steer", "model": opened["model"], "points": file["id"], "point": 1, "to": 6, "at": 0.25})
        wrong, _ = ask(socket, {"lane": "steer", "model": opened["model"], "points": file["id"], "point": 2})
    own.stage.close()
    assert (file["count"], others["steer"]["points"]) == (2, [])
    assert "There is no point 2" in wrong["error"]
    assert f"--points {tmp_path / 'points.npz'}" in about["command"]
    assert f"--coarse p0 p1 --fine 3 4 --layer 2 --points {tmp_path / 'points.npz'}" in mixed["command"]
    assert f"interpolate {shelf / 'style.safetensors'} --seeds p1 6 --points {tmp_path / 'points.npz'}" in walked["walk"]
    monkeypatch.chdir(tmp_path)
    for about_one, wanted in ((mixed, None), (walked, grid)):
        assert call(*shlex.split(about_one["command"])[1:]) == 0
        by_command = Path("image.png").read_bytes()
        exec(about_one["python"], {})
        assert Path("image.png").read_bytes() == by_command
        assert wanted in (None, by_command)
    walk = walk_through(model, images_named(("p1", "6"), FoundPoints(points)), frames=4)
    torch.testing.assert_close(steer(model, Steering(point=1, to=6, at=0.25), points=FoundPoints(points))[0], walk[1], atol=1e-5, rtol=0)
    expected = steer(model, Steering(point=1), points=FoundPoints(points))
    sparring.save_images(expected, tmp_path / "expected.png")
    assert (tmp_path / "expected.png").read_bytes() == content


# ---------------------------------------------------------------------------------------------- what each model can do


def test_tabs_are_those_that_a_model_can_serve(client: TestClient) -> None:
    with client.websocket_connect(LIVE) as socket:
        found = {
            name: ask(socket, {"lane": "open", "model": id_of(client, name)})[0]
            for name in ("gray", "style.safetensors", "scribbler", "people", "titles", "songs")
        }
    assert {name: one["tabs"] for name, one in found.items()} == {
        "gray": ["steer", "watch", "judge"],
        "style.safetensors": ["steer"],
        "scribbler": ["translate", "draw", "watch", "judge"],
        "people": ["steer", "watch", "judge"],
        "titles": ["steer", "watch", "judge"],
        "songs": ["steer", "watch", "judge"],
    }
    assert found["gray"]["steer"]["classes"] == ["0", "1"]
    assert found["style.safetensors"]["steer"]["layers"] > 0
    assert [found[name]["steer"]["view"] for name in ("gray", "people", "titles", "songs")] == ["images", "lines", "texts", "music"]
    assert "Paris" in next(one["values"] for one in found["people"]["steer"]["columns"] if one["name"] == "city")
    assert found["scribbler"]["translate"]["made"] == "scribble"


def test_rows_hold_their_conditions(client: TestClient) -> None:
    about, _ = ask_once(client, {"lane": "lines", "model": id_of(client, "people"), "number": 5, "where": ["city=Rome"]})
    city = about["columns"].index("city")
    assert [row[city] for row in about["lines"]] == ["Rome"] * 5


def test_texts_and_phrases_are_shown_and_heard(client: TestClient) -> None:
    about, _ = ask_once(client, {"lane": "lines", "model": id_of(client, "titles"), "number": 7, "seed": 3})
    assert len(about["texts"]) == 7
    assert all(isinstance(text, str) for text in about["texts"])
    assert "temperature must be" in ask_once(client, {"lane": "lines", "model": id_of(client, "titles"), "temperature": 9})[0]["error"]
    wish = {"lane": "lines", "model": id_of(client, "songs"), "number": 2}
    assert ask_once(client, wish)[1].startswith(b"\x89PNG")
    assert ask_once(client, {**wish, "as": "wav"})[1].startswith(b"RIFF")
    assert "as must be one of" in ask_once(client, {**wish, "as": "mp3"})[0]["error"]


def test_a_search_for_rare_rows_gives_up_soon(client: TestClient) -> None:
    about, _ = ask_once(client, {"lane": "lines", "model": id_of(client, "people"), "where": ["age>=90", "age<18", "pay>=1e9"]})
    assert "No row can meet" in about["error"] or "too rare" in about["error"]
    wish = {"lane": "lines", "model": id_of(client, "people"), "number": 200, "where": ["seen<2024-01-01 08:30"]}
    about, _ = ask_once(client, wish)
    assert "16,584 rows drawn" in about["error"]


def test_a_scribble_becomes_an_image_and_leaves_no_trace(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with client.websocket_connect(LIVE) as socket:
        wish = {"lane": "translate", "model": id_of(client, "scribbler"), "name": "drawing.png"}
        about, drawn = ask(socket, wish, png())
        _, blank = ask(socket, wish, _blank())
    image = Image.open(io.BytesIO(drawn))
    assert (image.size, about["height"]) == ((32, 32), 32)
    assert drawn != blank
    assert list(tmp_path.iterdir()) == []


def _blank() -> bytes:
    file = io.BytesIO()
    Image.new("L", (32, 32), 255).save(file, "PNG")
    return file.getvalue()


def test_the_nearest_training_image_of_a_training_image_is_itself(squares: Path, store: Store) -> None:
    pixels = np.load(squares)["images"]
    numbers, distances, compared = nearest_pixels(store, pixels[11])
    assert (numbers[0], distances[0], compared) == (11, 0, 60)
    apart = np.sqrt(np.square(pixels.astype(float) - pixels[11]).mean(axis=(1, 2, 3))) / 255
    np.testing.assert_allclose(distances, np.sort(apart)[:5], rtol=1e-5)


def test_copies_are_looked_for_among_all_training_images(client: TestClient, shelf: Path, squares: Path) -> None:
    about, strip = ask_once(client, {"lane": "nearest", "model": id_of(client, "gray"), "seed": 3, "move": {"0": 2}})
    image = steer(sparring.load(shelf / "gray"), Steering(seed=3, move={0: 2.0}))[0, 0].numpy() * 127.5 + 127.5
    apart = np.sqrt(np.square(np.load(squares)["images"][..., 0] - image.round()).mean(axis=(1, 2))) / 255
    np.testing.assert_allclose(about["distances"], np.sort(apart)[:5], rtol=1e-4)
    assert (about["compared"], about["of"]) == (60, 60)
    assert Image.open(io.BytesIO(strip)).height > 16


# ---------------------------------------------------------------------------------------------- bad input of every kind

UPLOADS = {
    "nothing": b"",
    "text": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "a bomb of four gigapixels": huge_png(65500, 65500),
    "more than is taken": huge_png(4097, 4097),
    "more than is translated": png((1500, 1500)),
    "half of an image": png((64, 64))[:90],
    "a TIFF": png(kind="TIFF"),
    "a PDF": b"%PDF-1.7",
}


@pytest.mark.parametrize("upload", UPLOADS)
def test_uploads_are_refused_before_they_are_decoded(upload: str, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    if upload != "half of an image":
        monkeypatch.setattr(translate, "translate_content", lambda *_, **__: pytest.fail("it was decoded"))
    about, content = ask_once(client, {"lane": "translate", "model": id_of(client, "scribbler")}, UPLOADS[upload])
    assert about["error"]
    assert content == b""


def test_an_upload_of_too_many_bytes_is_refused(client: TestClient) -> None:
    with client.websocket_connect(LIVE) as socket:
        about, _ = ask(socket, {"lane": "translate", "model": id_of(client, "scribbler")}, bytes(translate.MOST_BYTES + 1))
        assert "bytes" in about["error"]
        socket.send_bytes(bytes(translate.MOST_BYTES + 2 * MOST_HEADER_BYTES))
        assert socket.receive()["type"] == "websocket.close"


BAD = [
    ("steer", {"seed": -1}), ("steer", {"seed": 1.5}), ("steer", {"seed": True}), ("steer", {"seed": "1"}), ("steer", {"seed": 2**70}),
    ("steer", {"number": 1000}), ("steer", {"label": "nothing of the kind"}), ("steer", {"label": ["1"]}), ("steer", {"label": "x" * 9999}),
    ("steer", {"truncation": 0}), ("steer", {"truncation": float("nan")}), ("steer", {"at": 2, "to": 1}), ("steer", {"move": {"99": 1}}),
    ("steer", {"move": {"x": 1}}), ("steer", {"move": [1]}), ("steer", {"move": {"0": 1e9}}), ("steer", {"method": "magic"}),
    ("steer", {"layers": [0, 99], "move": {"0": 1}}), ("steer", {"layers": "all"}), ("steer", {"points": "../points.npz"}),
    ("mix", {"coarse": []}), ("mix", {"coarse": [0] * 50}), ("mix", {"layer": 99}), ("mix", {}),
    ("lines", {}), ("translate", {}), ("save", {}),
    ("learn", {"recipe": "../gan"}), ("learn", {"data": "drawn", "strokes": []}), ("learn", {"data": "drawn", "strokes": [[[1, "x"]]]}),
    ("learn", {"data": "drawn", "strokes": [[[1e9, 0]]]}),
    ("learn", {"steps": 10**6}), ("learn", {"players": "judge"}), ("learn", {"rate": 0}),
]  # fmt: skip


def test_values_of_the_wrong_kind_are_answered_in_a_sentence(client: TestClient) -> None:
    model = id_of(client, "gray")
    with client.websocket_connect(LIVE) as socket:
        for lane, values in BAD:
            about, content = ask(socket, {"lane": lane, "model": model, **values})
            assert about.get("error"), (lane, values)
            assert "should have" not in about["error"], about
            assert content == b""
        for name in ("../gray", "", None, 7, {"id": model}):
            assert "error" in ask(socket, {"lane": "open", "model": name})[0]
        assert "error" not in ask(socket, {"lane": "steer", "model": model})[0], "the socket lives on"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\0\0\x05[1,2]",
        b"\xff" * 40,
        message({"lane": "leave", "id": 1}),
        message({"lane": "steer"}),
        b"\0\0\x27\x10" + b"[" * 10000,
    ],
)
def test_messages_that_are_none_do_no_harm(data: bytes, client: TestClient) -> None:
    with client.websocket_connect(LIVE) as socket:
        socket.send_bytes(data)
        assert "not understood" in read(socket.receive_bytes())[0]["error"]
        socket.send_text("hello")
        assert "not understood" in read(socket.receive_bytes())[0]["error"]


# ---------------------------------------------------------------------------------------------- runs that change, and vanish


def test_a_run_that_trains_on_is_steered_by_its_newest_checkpoint_and_outlives_its_files(
    shelf: Path, tmp_path: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_models, "LOOK_SECONDS", 0.0)
    shutil.copytree(shelf / "gray", tmp_path / "run")
    own = Studio(Places([tmp_path]))
    page = TestClient(own.app(TOKEN), base_url=f"http://{HOST}", headers=dict(client.headers))
    run = id_of(page, "run")
    with page.websocket_connect(LIVE) as socket:
        before = ask(socket, {"lane": "steer", "model": run})
        sparring.resume(tmp_path / "run", steps=3, console=Console(quiet=True))
        after = ask(socket, {"lane": "steer", "model": run})
        seen = page.get(f"/api/models/{run}/watch").json()
        shutil.rmtree(tmp_path / "run")
        gone = ask(socket, {"lane": "steer", "model": run})
    assert (before[0]["step"], after[0]["step"], gone[0]["step"]) == (2, 3, 3)
    assert before[1] != after[1] == gone[1]
    assert (seen["step"], seen["there"], seen["training"]) == (3, True, False)
    assert page.get(f"/api/models/{run}/watch").json() == {"there": False}
    assert page.get(f"/api/models/{run}/findings").json()["findings"] == []
    assert page.get(f"/api/models/{run}/samples/{seen['sheets'][0]}").status_code == 404
    assert page.get("/api/models").json()["models"] == []
    own.stage.close()


# ---------------------------------------------------------------------------------------------- learning


def test_a_game_that_is_watched_is_the_game_that_the_command_plays() -> None:
    settings = PlaygroundSettings(seed=5, hidden=(16, 16))
    game = LiveGame(started("gan"), mixture("ring8"), settings)
    for steps in (3, 0, 4):
        game.play(steps)
        game.snapshot(samples=50, side=5, arrows=6)
    expected = sparring.playground("gan", "ring8", steps=7, seed=5, hidden=(16, 16), console=Console(quiet=True))
    assert torch.equal(game.state.ema.sample(2500), expected.samples)  # pyright: ignore[reportCallIssue]


def test_one_player_alone_leaves_the_other_as_it_is() -> None:
    game = LiveGame(started("gan"), mixture("ring8"), PlaygroundSettings(hidden=(8,)))
    networks = game.state.game
    assert isinstance(networks, TwoPlayerGame)

    def weights() -> tuple[torch.Tensor, torch.Tensor]:
        return tuple(
            torch.cat([one.detach().flatten() for one in part.parameters()]) for part in (networks.generator, networks.discriminator)
        )  # pyright: ignore[reportReturnType]

    first = weights()
    game.play(2, ("discriminator",))
    second = weights()
    game.play(2, ("generator",))
    third = weights()
    assert torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])
    assert torch.equal(second[1], third[1])
    assert not torch.equal(second[0], third[0])


def test_what_is_drawn_is_what_is_learned(client: TestClient) -> None:
    strokes = [[[-1, 0], [1, 0]], [[0, 2]]]
    wish = {"lane": "learn", "data": "drawn", "strokes": strokes, "recipe": "gan"}
    with client.websocket_connect(LIVE) as socket:
        about, content = ask(socket, {**wish, "steps": 2})
        again, _ = ask(socket, {**wish, "steps": 1})
        alone, _ = ask(socket, {"lane": "learn", "players": "generator", "steps": 1})
        fair, _ = ask(socket, {"lane": "learn", "steps": 1, "anew": True})
    true = np.frombuffer(content, "<f4")[:2000].reshape(1000, 2)
    far = np.minimum(np.hypot(np.maximum(np.abs(true[:, 0]) - 1, 0), true[:, 1]), np.hypot(true[:, 0], true[:, 1] - 2))
    assert np.quantile(far, 0.99) < 0.3
    assert (np.hypot(true[:, 0], true[:, 1] - 2) < 0.4).mean() == pytest.approx(1 / 26, abs=0.03)
    assert (about["step"], again["step"], about["of"]) == (2, 3, 2)
    assert about["command"] == alone["command"] == ""
    assert fair["command"] == "sparring playground gan --data ring8 --steps 1 --seed 0 --hidden 64 64"
