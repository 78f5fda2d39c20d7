"""The page in a real browser. It is one page throughout: a browser takes a second to start."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from sparring.media.image_decoding import decode_image
from sparring.studio.places import Places
from sparring.studio.server import Studio, bound_socket
from support.browser import FAKE_CAMERA, Browser, chromium, needs_chromium
from support.cli import call
from support.studio import TOKEN

RESULT = ".even .card:nth-child(2) img"
"""Of the tab Draw."""
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address(shelf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Where a studio is served, and a run that may be deleted."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(shelf / "gray", folder / "doomed")
    studio = Studio(Places([shelf, folder]))
    with bound_socket("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(studio.app(TOKEN), log_level="error", ws="websockets-sansio"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", folder / "doomed"
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="module")
def browser(address: tuple[str, Path]) -> Iterator[Browser]:
    with chromium(*FAKE_CAMERA) as page:
        page.size(1200, 900)
        page.open(f"{address[0]}?token={TOKEN}")
        page.wait("!!document.querySelector('#tabs a')")
        yield page


def go(page: Browser, model: str, tab: str, values: str = "") -> None:
    number = page.run(f"[...document.querySelectorAll('#model option')].find((one) => one.textContent.includes({model!r})).value")
    page.run(f"location.hash = '#{number}/{tab}?{values}'")
    page.wait(f"document.querySelector('#tabs [aria-selected=true]')?.id === 'tab-{tab}' && location.hash.includes('{number}/{tab}')")


def next_file(page: Browser, where: str, before: bytes) -> bytes:
    """The first file that an image shows in place of another."""
    until = time.monotonic() + 10
    while (now := page.file_of(where)) == before:
        assert time.monotonic() < until, "it did not change"
        time.sleep(0.03)
    return now


def settled(page: Browser, where: str, before: bytes = b"") -> bytes:
    """The file that an image shows when it has been the same for a while, and another one than before."""
    until, last, since = time.monotonic() + 10, b"", 0.0
    while time.monotonic() < until:
        now = page.file_of(where)
        if now != last:
            last, since = now, time.monotonic()
        elif now != before and time.monotonic() - since > 0.3:
            return now
        time.sleep(0.03)
    raise AssertionError("it did not change, or did not come to rest")


def test_a_slider_that_is_dragged_shows_every_image_that_the_command_makes(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "token" not in browser.run("location.href")
    go(browser, "style.safetensors", "steer", "seed=3")
    before = browser.file_of(".view img")
    browser.wait("document.querySelectorAll('.field input[type=range]').length >= 8")
    left, top, width, height = browser.run(
        "(() => { const box = [...document.querySelectorAll('input[type=range]')].at(-1).getBoundingClientRect();"
        " return [box.left, box.top, box.width, box.height]; })()"
    )
    browser.drag(*[(left + share / 10 * width, top + height / 2) for share in range(5, 10)])
    browser.wait("location.hash.includes('move=')")
    browser.wait("document.querySelector('.same pre')?.textContent.includes('--move')")
    after, command = settled(browser, ".view img", before), browser.run("document.querySelector('.same pre').textContent")
    monkeypatch.chdir(tmp_path)
    assert call(*command.split()[1:]) == 0
    assert Path("image.png").read_bytes() == after
    link = browser.run("location.href")
    browser.run("location.hash = '#'")
    browser.open(link)
    browser.wait("document.querySelector('.same pre')?.textContent.includes('--move')")
    assert browser.file_of(".view img") == after, "the address is all that the state is"


def test_a_scribble_becomes_an_image_and_can_be_undone(browser: Browser) -> None:
    go(browser, "scribbler", "draw")
    left, top, width, height = browser.run(
        "(() => { const box = document.querySelector('.board').getBoundingClientRect();"
        " return [box.left, box.top, box.width, box.height]; })()"
    )
    side, middle = min(width, height), (left + width / 2, top + height / 2)
    browser.drag(*[(middle[0] + side * share, middle[1] + side * share / 2) for share in (-0.3, -0.1, 0.1, 0.3)])
    drawn = settled(browser, RESULT)
    browser.drag((middle[0], middle[1] + side * 0.3), (middle[0] + side * 0.2, middle[1] + side * 0.35))
    more = settled(browser, RESULT, drawn)
    assert decode_image(drawn).image.size == (32, 32)
    strokes = browser.run("location.hash")
    assert strokes.count("_") == 1
    browser.run("[...document.querySelectorAll('button')].find((one) => one.textContent === 'Undo').click()")
    assert settled(browser, RESULT, more) == drawn


def test_a_camera_is_translated_until_its_tab_is_left(browser: Browser) -> None:
    go(browser, "scribbler", "translate")
    browser.run("document.getElementById('camera').click()")
    first = browser.file_of(".compare img:not(.before)")
    assert next_file(browser, ".compare img:not(.before)", first)
    go(browser, "gray", "steer")
    assert len(settled(browser, ".view img")) > 100
    assert "/steer" in browser.run("location.hash"), "the tab that was left does not write into the address"


def test_rows_and_games_are_shown_and_tabs_are_reached_by_keys(browser: Browser) -> None:
    go(browser, "people", "steer", "n=7")
    browser.wait("document.querySelectorAll('tbody tr').length === 7")
    browser.run("document.querySelector('#tabs [aria-selected=true]').focus()")
    for key in ("ArrowRight", "ArrowRight"):
        browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
    assert browser.run("document.activeElement.textContent") == "Judge"
    go(browser, "people", "learn")
    browser.wait("document.querySelector('main').textContent.includes('Step 0')")
    browser.run("[...document.querySelectorAll('button')].find((one) => one.textContent === 'One step').click()")
    browser.wait("document.querySelector('main').textContent.includes('Step 1 ')")
    colors = browser.run(
        "(() => { const one = document.querySelectorAll('.trio canvas')[1], pen = one.getContext('2d'), found = new Set();"
        " for (let x = 5; x < one.width; x += 20) found.add(pen.getImageData(x, x, 1, 1).data.join()); return found.size; })()"
    )
    assert colors > 5, "the discriminator's surface is drawn"


UNNAMED = """
[...document.querySelectorAll('main button, main input, main select, main canvas, main img, header button, header select')]
  .filter((one) => !one.closest('.hidden') && !(one.tagName === 'BUTTON' && one.textContent.trim()))
  .filter((one) => !one.getAttribute('aria-label') && !one.labels?.length && !one.alt)
  .map((one) => one.outerHTML)
"""


def test_every_control_has_a_name_and_nothing_is_wider_than_a_phone(browser: Browser) -> None:
    for model, tab in (
        ("style", "steer"),
        ("people", "steer"),
        ("scribbler", "translate"),
        ("scribbler", "draw"),
        ("gray", "watch"),
        ("gray", "judge"),
        ("gray", "learn"),
    ):
        browser.size(360, 800, mobile=True)
        go(browser, model, tab)
        browser.wait("!!document.querySelector('main .card')")
        assert browser.run(UNNAMED) == [], tab
        assert browser.run("document.documentElement.scrollWidth") <= 360, tab
    browser.size(1200, 900)


def test_the_page_outlives_a_run_that_is_deleted(browser: Browser, address: tuple[str, Path]) -> None:
    go(browser, "doomed", "watch")
    browser.wait("document.querySelectorAll('.chart').length > 1 && document.querySelector('.view img').naturalWidth > 0")
    shutil.rmtree(address[1])
    browser.wait("document.querySelector('main').textContent.includes('is gone')")
    go(browser, "gray", "steer")
    assert len(browser.file_of(".view img")) > 100
    unexpected = [error for error in browser.errors if "404" not in error]
    assert unexpected == []
