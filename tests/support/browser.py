"""A real browser, spoken to over a pipe: the DevTools protocol, with no library between."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
KEEP_FILES = """globalThis.files = new Map();
const make = URL.createObjectURL;
URL.createObjectURL = (file) => { const address = make.call(URL, file); files.set(address, file); return address; };"""
"""Keeps what blob: addresses stand for, since pages with a policy may not fetch them."""
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
"""Flags with which a page gets a moving picture from its camera, and is not asked."""
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt-get install chromium)")


class Browser:
    """One page of a headless Chromium."""

    def __init__(self, process: subprocess.Popen[bytes], to_browser: int, from_browser: int) -> None:
        self.process, self.to_browser, self.from_browser = process, to_browser, from_browser
        self.number, self.rest, self.session = 0, b"", ""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **values: object) -> dict[str, Any]:
        """The result of a command of the protocol; a RuntimeError if it has none."""
        self.number += 1
        message: dict[str, Any] = {"id": self.number, "method": method, "params": values}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            found = self._next()
            if found.get("id") == self.number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']}")
                return found["result"]
            self.events.append(found)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            piece = os.read(self.from_browser, 2**20)
            if not piece:
                raise RuntimeError("the browser has ended")
            self.rest += piece
        first, _, self.rest = self.rest.partition(b"\0")
        return json.loads(first)

    def open(self, address: str) -> None:
        """Go to a page."""
        self.events.clear()
        self.call("Page.navigate", url=address)

    def run(self, code: str) -> Any:  # noqa: ANN401 (JSON is any)
        """What a JavaScript expression gives, awaited, as JSON."""
        found = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True, userGesture=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def wait(self, code: str, seconds: float = 60) -> Any:  # noqa: ANN401 (JSON is any)
        """What an expression gives as soon as it gives something that is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if value := self.run(code):
                return value
            time.sleep(0.02)
        raise TimeoutError(f"{code} stayed false. The page says: {self.run('document.body.innerText')!r} {self.errors}")

    @property
    def errors(self) -> list[str]:
        """What went wrong in the page so far: exceptions, and errors on its console."""
        self.run("1")
        found: list[str] = []
        for event in self.events:
            values = event.get("params", {})
            if event.get("method") == "Runtime.exceptionThrown":
                details = values["exceptionDetails"]
                found.append(details.get("exception", {}).get("description", details["text"]))
            if event.get("method") == "Log.entryAdded" and values["entry"]["level"] == "error":
                found.append(f"{values['entry']['text']} {values['entry'].get('url', '')}")
        return found

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """Set the size of the window."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def dark(self, on: bool) -> None:
        """Say whether the system prefers dark colors."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def file_of(self, where: str) -> bytes:
        """The content of the file in memory that an image shows."""
        code = f"""(async () => {{
          const file = files.get(document.querySelector({where!r})?.src);
          return file ? btoa(String.fromCharCode(...new Uint8Array(await file.arrayBuffer()))) : null;
        }})()"""
        return base64.b64decode(self.wait(code))

    def drag(self, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place, move it through the others, and let go at the last."""
        for at, (x, y) in enumerate(places):
            kind = "mousePressed" if at == 0 else "mouseMoved"
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1 if at == 0 else 0)
        x, y = places[-1]
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """The page as an image: all of it, or what is seen."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]))


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """A browser with an empty profile, which is ended afterwards."""
    assert CHROMIUM is not None
    out_read, out_write = os.pipe()
    in_read, in_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            _command(profile, flags), pass_fds=(out_read, in_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "IN": str(out_read), "OUT": str(in_write)},
        )  # fmt: skip
        os.close(out_read)
        os.close(in_write)
        browser = Browser(process, out_write, in_read)
        try:
            target = browser.call("Target.createTarget", url="about:blank")["targetId"]
            browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                browser.call(f"{domain}.enable")
            browser.call("Emulation.setFocusEmulationEnabled", enabled=True)
            browser.call("Page.addScriptToEvaluateOnNewDocument", source=KEEP_FILES)
            yield browser
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(out_write)
            os.close(in_read)


def _command(profile: str, flags: Sequence[str]) -> list[str]:
    """Chromium reads commands from its descriptor 3 and answers on 4; a shell puts ours there."""
    words = [
        str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run", "--hide-scrollbars",
        f"--user-data-dir={profile}", *flags,
    ]  # fmt: skip
    return ["bash", "-c", 'exec "$@" 3<&"$IN" 4>&"$OUT"', "chromium", *words]
