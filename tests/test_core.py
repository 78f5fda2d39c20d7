import errno
import json
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sparring.core.atomic_files import read_json, replacing, sha256_of_file, write_json
from sparring.core.errors import SparringError, did_you_mean, listed
from sparring.core.hardware import repeatable, workers
from sparring.core.mirror_padding import _of_pieces, mirrored
from sparring.core.random_streams import Streams, stream_seed
from sparring.core.tensor_files import save_tensors
from sparring.media.image_files import grid, save_gif, save_image, save_video
from sparring.media.pixel_range import float_to_pixels, pixels_to_float
from sparring.runs.run_directory import RunDirectory


def test_seeds_differ_wherever_one_part_differs() -> None:
    base = (3, "latent", 7, 0)
    others = [(4, "latent", 7, 0), (3, "noise", 7, 0), (3, "latent", 8, 0), (3, "latent", 7, 1)]
    seeds = {stream_seed(*parts) for parts in [base, *others]}
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_and_latents_are_fixed_for_all_time() -> None:
    """Sample i of seed s must stay the same image in every version: these numbers may never change."""
    # b2sum -l 64 of "0/latent/0/0", its bytes read from the last to the first and halved
    assert stream_seed(0, "latent", 0) == 5_419_377_304_578_863_569
    assert Streams(0, 0, scope="sample").normal("latent", 3).tolist() == pytest.approx([0.692265, -0.274137, 0.337137], abs=1e-5)


def test_streams_do_not_depend_on_the_order_of_use() -> None:
    one, other = Streams(1, 2), Streams(1, 2)
    a, b = one.normal("a", 4, 3), one.uniform("b", 5)
    assert torch.equal(other.uniform("b", 5), b)
    assert torch.equal(other.normal("a", 4, 3), a)
    assert not torch.equal(Streams(1, 2, scope="x").normal("a", 4, 3), a)


def test_streams_have_the_distributions_they_name() -> None:
    streams = Streams(0, 0)
    normal, uniform, integers = streams.normal("n", 100_000), streams.uniform("u", 100_000), streams.integers("i", 10, 100_000)
    assert abs(normal.mean()) < 0.02
    assert abs(normal.std() - 1) < 0.02
    assert uniform.min() >= -1
    assert uniform.max() < 1
    assert abs(uniform.var() - 1 / 3) < 0.01
    assert sorted(integers.unique().tolist()) == list(range(10))


def test_every_pixel_value_survives_the_way_to_floats_and_back() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1)
    images = pixels_to_float(pixels)
    assert images.min() == -1
    assert images.max() == 1
    assert images[0, 0, 0, 1].item() == pytest.approx(1 / 127.5 - 1)
    assert torch.equal(float_to_pixels(images), pixels)
    assert float_to_pixels(torch.tensor([[[[-5.0, 5.0]]]])).flatten().tolist() == [0, 255]
    three = pixels_to_float(torch.zeros(2, 4, 4, 3, dtype=torch.uint8))
    assert three.is_contiguous(memory_format=torch.channels_last)


def test_replacing_is_all_or_nothing(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.txt"
    with replacing(target) as temporary:
        temporary.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(target) as temporary:
        temporary.write_text(f"half {1 // 0}")
    assert target.read_text() == "old"
    assert [path.name for path in target.parent.iterdir()] == ["file.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="files have no limit of size there")
def test_tensors_that_do_not_fit_are_an_error_of_the_system_that_names_the_file(tmp_path: Path) -> None:
    import resource

    target, limits = tmp_path / "weights.safetensors", resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # of any file, in bytes
    try:
        with pytest.raises(OSError, match="File too large") as failed, replacing(target) as temporary:
            save_tensors(temporary, {"weights": torch.zeros(1000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (failed.value.errno, failed.value.filename) == (errno.EFBIG, str(target))
    assert not list(tmp_path.iterdir())


def test_json_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(SparringError, match=r"x\.json is missing"):
        read_json(path)
    path.write_text('{"a": ')
    with pytest.raises(SparringError, match=r"x\.json cannot be read as JSON"):
        read_json(path)
    write_json(path, {"ä": [1, 2]})
    assert read_json(path) == {"ä": [1, 2]}


def test_sha256(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert sha256_of_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_did_you_mean() -> None:
    assert did_you_mean("dcgn", ["dcgan", "gan", "vae"]).startswith("Did you mean 'dcgan'")
    assert did_you_mean("zzz", ["dcgan", "gan"]) == "There are: dcgan, gan."
    assert did_you_mean("jekyl", ["Trail 1", "Jekyll Carbon 12"]) == "Did you mean 'Jekyll Carbon 12'?"
    assert did_you_mean("amount", ["AMOUNT", "fee"]) == "Did you mean 'AMOUNT'?"
    assert did_you_mean("zzz", map(str, range(100, 175))).endswith(", and 25 more.")
    assert listed("bad:", [str(i) for i in range(60)]).endswith("... and 10 more")


def test_grid_places_images_in_reading_order() -> None:
    images = np.stack([np.full((48, 50, 1), value, np.uint8) for value in (10, 20, 30, 40, 50)])
    sheet = grid(images, columns=3, gap=2)
    assert sheet.shape == (2 * 50 + 2, 3 * 52 + 2, 1)
    assert [sheet[10, 10, 0], sheet[10, 60, 0], sheet[10, 112, 0], sheet[60, 10, 0], sheet[60, 112, 0]] == [10, 20, 30, 40, 255]
    assert grid(images[:1, :16, :16]).shape == (48 + 4, 48 + 4, 1)  # enlarged three times


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_films_and_gifs_can_be_read_back(tmp_path: Path, channels: int) -> None:
    import imageio_ffmpeg

    frames = [np.full((33, 20, channels), value, np.uint8) for value in (0, 120, 255)]
    save_image(frames[1], tmp_path / "one.png")
    assert np.array_equal(np.atleast_3d(np.array(Image.open(tmp_path / "one.png"))), frames[1])
    save_gif(frames, tmp_path / "three.gif", frames_per_second=10, hold_last=1)
    with Image.open(tmp_path / "three.gif") as gif:
        assert (gif.n_frames, gif.size) == (3, (20, 33))
    save_video(frames, tmp_path / "three.mp4")
    assert imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "three.mp4"))[0] == 3
    with pytest.raises(SparringError, match=r"cannot be written as '\.xyz'"):
        save_image(frames[0], tmp_path / "one.xyz")


def test_jpegs_are_fine_and_lie_on_white_where_they_were_transparent(tmp_path: Path) -> None:
    slope = np.linspace(0, 255, 64)[:, None, None].repeat(64, axis=1) * np.array([1, 0.5, 0.2, 0]) + np.array([0, 0, 0, 255])
    image = slope.astype(np.uint8)
    image[:32, :, 3] = 0
    save_image(image, tmp_path / "a.jpg")
    found = np.asarray(Image.open(tmp_path / "a.jpg")).astype(int)
    assert np.abs(found[40:] - image[40:, :, :3]).max() <= 4
    assert found[:24].min() == 255


def test_a_run_that_is_being_trained_is_locked(tmp_path: Path) -> None:
    import subprocess
    import sys

    run = RunDirectory(tmp_path)
    code = (
        "from pathlib import Path; from sparring.runs.run_directory import RunDirectory\n"
        f"with RunDirectory(Path({str(tmp_path)!r})).locked(): print('in')"
    )
    with run.locked():
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Another process is training" in second.stderr
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "in\n"


def test_log_leaves_out_a_line_in_the_making(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert run.read_log() == []
    run.log.write_text(json.dumps({"step": 1}) + '\n{"step": 2, "lo')
    assert run.read_log() == [{"step": 1}]


def test_a_gpu_takes_no_algorithm_whose_result_is_up_to_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    with repeatable("cpu"):
        assert not torch.are_deterministic_algorithms_enabled()
        assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    with repeatable("cuda"):
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert not torch.utils.deterministic.fill_uninitialized_memory
        assert not torch.backends.cudnn.allow_tf32
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert torch.backends.cudnn.allow_tf32
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.utils.deterministic.fill_uninitialized_memory


@pytest.mark.parametrize("margins", [(0, 0), (2, 0), (0, 3), (3, 4)])
def test_pieces_mirror_as_torch_does(margins: tuple[int, int]) -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 3, 5 + 2 * margins[1], 4 + 2 * margins[0], dtype=torch.float64)
    pieces = _of_pieces(_of_pieces(x, 3, margins[0]), 2, margins[1])
    assert torch.equal(pieces, mirrored(x, *margins))
    assert mirrored(x.detach().to("meta"), *margins).shape == pieces.shape
    found, wanted = (torch.autograd.grad((each * weights).sum(), x)[0] for each in (pieces, mirrored(x, *margins)))
    assert torch.allclose(found, wanted, atol=1e-12)


def test_workers_keep_their_number_whatever_others_set_before_they_compute() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)

    def compute(_: object) -> int:
        (torch.rand(2**17) + 1).sum()  # large enough for several threads
        return torch.get_num_threads()

    try:
        with workers(1, 2, lambda: None) as together, workers(2, 1, lambda: None) as pool:
            list(pool.map(lambda _: time.sleep(0.01), range(4)))
            assert together.submit(compute, 0).result() == 2
            assert set(pool.map(compute, range(8))) == {1}
            assert together.submit(compute, 0).result() == 2
    finally:
        torch.set_num_threads(before)


def test_animations_keep_the_mean_pace_that_hundredths_allow(tmp_path: Path) -> None:
    frames = [np.full((4, 4, 3), 2 * number, np.uint8) for number in range(60)]
    for rate, kept in ((24, 60), (30, 60), (60, 30), (144, 20)):
        save_gif(frames, tmp_path / "film.gif", frames_per_second=rate)
        with Image.open(tmp_path / "film.gif") as film:
            durations = []
            for number in range(film.n_frames):  # pyright: ignore[reportAttributeAccessIssue]
                film.seek(number)
                durations.append(film.info["duration"])
        assert len(durations) == kept
        assert min(durations) >= 20
        assert sum(durations) == pytest.approx(1000 * len(frames) / rate, abs=10)


def test_workers_compute_with_as_many_threads_as_they_should() -> None:
    before, begun = torch.get_num_threads(), []
    torch.set_num_threads(2)
    try:
        with workers(3, 1, lambda: begun.append(threading.get_ident())) as pool:
            found = list(pool.map(lambda _: (time.sleep(0.01), threading.get_ident(), torch.get_num_threads()), range(30)))
        assert {threads for *_, threads in found} == {1}
        assert {thread for _, thread, _ in found} <= set(begun)
        assert len(begun) == 3
        assert torch.get_num_threads() == 2
        fresh: list[int] = []
        thread = threading.Thread(target=lambda: fresh.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert fresh == [2]
    finally:
        torch.set_num_threads(before)
