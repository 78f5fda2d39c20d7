"""Chromium, driven over its DevTools protocol: enough of it to open a page, look, move the mouse and take a picture."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from itertools import count
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0", "--hide-scrollbars",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "about:blank",
)  # fmt: skip


def chromium() -> str | None:
    """Where it is; None if it is not installed."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


KEEP_FILES = """globalThis.files = new Map();
const make = URL.createObjectURL;
URL.createObjectURL = (file) => { const address = make.call(URL, file); files.set(address, file); return address; };"""
"""Keeps what blob: addresses stand for, since pages with a policy may not fetch them."""


class Browser:
    """One page of a headless Chromium. A context manager."""

    def __enter__(self) -> "Browser":
        self.folder = Path(tempfile.mkdtemp(prefix="chromium-"))
        program = chromium()
        assert program is not None
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        self.process = subprocess.Popen(
            [program, *FLAGS[:-1], f"--user-data-dir={self.folder}", FLAGS[-1]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        port_file = self.folder / "DevToolsActivePort"
        for _ in range(200):
            if port_file.exists() and port_file.read_text().count("\n"):
                break
            time.sleep(0.1)
        port = port_file.read_text().splitlines()[0]
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/json") as answer:
            page = next(one for one in json.load(answer) if one["type"] == "page")
        self.connection = connect(page["webSocketDebuggerUrl"], max_size=None, compression=None, proxy=None)
        self.socket: ClientConnection = self.connection.__enter__()
        self.numbers = count(1)
        self.errors: list[str] = []
        """What the page said on its console as an error."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.send("Emulation.setFocusEmulationEnabled", enabled=True)
        self.send("Page.addScriptToEvaluateOnNewDocument", source=KEEP_FILES)
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.__exit__(None, None, None)
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def send(self, method: str, **values: object) -> Any:  # noqa: ANN401 (JSON is any)
        """Call a method of the protocol."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": values}))
        while True:
            message = json.loads(self.socket.recv(60))
            self._note(message)
            if message.get("id") == number:
                assert "error" not in message, message["error"]
                return message["result"]

    def _note(self, message: dict[str, Any]) -> None:
        values = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = values["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description", details["text"]))
        if message.get("method") == "Log.entryAdded" and values["entry"]["level"] == "error":
            self.errors.append(f"{values['entry']['text']} {values['entry'].get('url', '')}")

    def open(self, address: str) -> None:
        """Go to an address."""
        self.send("Page.navigate", url=address)

    def run(self, code: str) -> Any:  # noqa: ANN401
        """The value of an expression in the page; promises are waited for."""
        found = self.send("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, code: str, seconds: float = 20) -> Any:  # noqa: ANN401
        """The value of an expression, once it is true."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := self.run(code):
                return found
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {code}; errors: {self.errors}")

    def size(self, width: int, height: int, *, mobile: bool = False) -> None:
        """The size of the window."""
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def dark(self, on: bool) -> None:
        """Whether the system prefers dark colors."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

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
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1 if at == 0 else 0)
        x, y = places[-1]
        self.send("Input.dispatchMouseEvent", type="mouseReleased", x=x, y=y, button="left", clickCount=1)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """A screenshot, of the whole page or of what is seen."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))
