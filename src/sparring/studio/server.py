"""The server of the studio: its routes, and its life from the first line on the screen to Ctrl-C."""

import asyncio
import contextlib
import json
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.core.errors import SettingsError, SparringError, missing_extra

try:
    import uvicorn
    import websockets  # noqa: F401 (uvicorn speaks to sockets with it)
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, PlainTextResponse, Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.types import ASGIApp
    from starlette.websockets import WebSocket, WebSocketDisconnect
except ImportError:
    raise missing_extra("starlette", "studio", "The studio") from None

from sparring.studio import learn, translate
from sparring.studio.answers import LANES, Answer, Answers, Wish
from sparring.studio.asked import Asked
from sparring.studio.guard import Guard
from sparring.studio.places import Place, Places
from sparring.studio.stage import FullError, Seat, Stage
from sparring.studio.watch import Watcher, about_run, report_path, sheet_path

if TYPE_CHECKING:
    from rich.console import Console

PORT, MORE_PORTS = 8077, 20
SHORTEST_TOKEN = 16
MOST_HEADER_BYTES = 2**18
"""Size of the JSON of a message: a drawing's strokes are the largest."""
MOST_MESSAGE_BYTES = translate.MOST_BYTES + MOST_HEADER_BYTES + 4
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".gif": "image/gif",
}
REPORT_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox"
"""Reports are pages of their own, with their styles in them. They may do nothing but be looked at."""
TOO_LARGE, TOO_MANY = 1009, 1013


class Studio:
    """The application: the page, what is known of runs, and the socket that wishes and answers go through."""

    def __init__(self, places: Places) -> None:
        self.places, self.watcher = places, Watcher()
        self.stage: Stage[Wish, Answer] = Stage(Answers(places))
        self.clients = count(1)
        self.page = {path.name: path.read_bytes() for path in files("sparring.studio").joinpath("page").iterdir() if path.is_file()}

    def app(self, token: str | None, *, listens: str | None = None) -> ASGIApp:
        """The whole of it, guarded. `token`: what everyone must know. `listens`: see `Guard`."""
        routes = [
            Route("/", self.file),
            Route("/page/{name}", self.file),
            Route("/healthz", lambda _: PlainTextResponse("ok")),
            Route("/api/models", self.models),
            Route("/api/models/{id}/watch", self.watch),
            Route("/api/models/{id}/findings", self.findings),
            Route("/api/models/{id}/stop", self.stop, methods=["POST"]),
            Route("/api/models/{id}/samples/{name}", self.sheet),
            Route("/api/models/{id}/reports/{name}", self.report),
            WebSocketRoute("/live", self.live),
        ]
        return Guard(Starlette(routes=routes, lifespan=self.life), token, listens=listens)

    @contextlib.asynccontextmanager
    async def life(self, _: Starlette) -> AsyncIterator[None]:
        """Close the stage in the end."""
        yield
        await asyncio.to_thread(self.stage.close)

    async def file(self, request: Request) -> Response:
        """A file of the page: one of those that were there when the server began."""
        name = request.path_params.get("name", "index.html")
        if name not in self.page:
            return PlainTextResponse("There is no such file.", 404)
        return Response(self.page[name], media_type=TYPES.get(Path(name).suffix, "application/octet-stream"))

    async def models(self, _: Request) -> Response:
        """All models and runs, and what can be learned without one."""
        return JSONResponse({"models": await asyncio.to_thread(self._listed), "learn": learn.described()})

    def _listed(self) -> list[dict[str, Any]]:
        found = []
        for place in self.places.models():
            about = about_run(place) if place.kind == "run" else {}
            recipe, data = about.get("recipe", ""), about.get("data", "")
            training = place.kind == "run" and place.run.in_use()
            found.append({"id": place.id, "name": place.name, "kind": place.kind, "recipe": recipe, "data": data, "training": training})
        return found

    def _run(self, request: Request) -> Place | None:
        place = self.places.find(request.path_params["id"])
        return place if place is not None and place.kind == "run" else None

    async def watch(self, request: Request) -> Response:
        """How a run stands."""
        place = self._run(request)
        return JSONResponse({"there": False} if place is None else await asyncio.to_thread(self.watcher.seen, place))

    async def findings(self, request: Request) -> Response:
        """The diagnosis of a run."""
        place = self._run(request)
        return JSONResponse({} if place is None else await asyncio.to_thread(self.watcher.findings, place))

    async def stop(self, request: Request) -> Response:
        """Ask the training of a run to save a checkpoint and stop."""
        place = self._run(request)
        return JSONResponse({"asked": place is not None and await asyncio.to_thread(place.run.ask_to_stop)})

    async def sheet(self, request: Request) -> Response:
        """A sample sheet, or the timelapse."""
        place = self._run(request)
        path = None if place is None else sheet_path(place.run, request.path_params["name"])
        return await _file_at(path, {"Cache-Control": "private, max-age=3600"} if path is not None and path.suffix == ".png" else {})

    async def report(self, request: Request) -> Response:
        """A report that lies in a run."""
        place = self._run(request)
        path = None if place is None else report_path(place.run, request.path_params["name"])
        return await _file_at(path, {"Content-Security-Policy": REPORT_POLICY})

    async def live(self, socket: WebSocket) -> None:
        """Wishes in, answers out."""
        client = next(self.clients)
        await socket.accept()
        try:
            seat = self.stage.seat(*LANES)
        except FullError:
            await socket.close(TOO_MANY, "Too many pages are open.")
            return
        sending = asyncio.create_task(_send(socket, seat))
        try:
            while (message := await socket.receive())["type"] == "websocket.receive":
                if not await self._take(socket, seat, client, message):
                    return
        except WebSocketDisconnect:
            pass
        finally:
            sending.cancel()
            seat.leave()

    async def _take(self, socket: WebSocket, seat: Seat[Wish, Answer], client: int, message: Any) -> bool:  # noqa: ANN401 (ASGI's message)
        """Take a message. False if the socket was closed for it."""
        content = message.get("bytes") or (message.get("text") or "").encode()
        if len(content) > MOST_MESSAGE_BYTES:
            await socket.close(TOO_LARGE, "The message is too large.")
            return False
        try:
            values, rest = unpacked(content)
            lane, number = values.get("lane"), values.get("id")
            if lane not in LANES or not isinstance(number, int):
                raise ValueError(f"lane {lane!r:.40}")
        except ValueError as problem:
            await socket.send_bytes(packed({"id": 0, "error": f"This message is not understood: {problem}"}, b""))
            return True
        seat.ask(lane, Wish(lane, number, Asked(values, rest, client)))
        return True


def packed(values: Any, content: bytes) -> bytes:  # noqa: ANN401 (JSON is any)
    """A message: the length of its JSON in four bytes, the JSON, and the content of a file."""
    head = json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
    return struct.pack(">I", len(head)) + head + content


def unpacked(message: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON and the file's content of a message. A ValueError for anything else."""
    if len(message) < 4:
        raise ValueError("it is cut short")
    (length,) = struct.unpack_from(">I", message)
    if length > MOST_HEADER_BYTES or length > len(message) - 4:
        raise ValueError("its heading is too long")
    try:
        values = json.loads(message[4 : 4 + length])
    except (ValueError, RecursionError):
        raise ValueError("its heading is no JSON") from None
    if not isinstance(values, dict):
        raise ValueError("its heading is no JSON object")
    return values, message[4 + length :]


async def _send(socket: WebSocket, seat: Seat[Wish, Answer]) -> None:
    """Send every answer as it comes, until the client leaves."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):  # it has left while it was sent to
        while True:
            answer = await seat.answer()
            await socket.send_bytes(packed(_finite(answer.about), answer.content))


def _finite(value: Any) -> Any:  # noqa: ANN401 (JSON is any)
    """The value without numbers that JSON has no form for."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


async def _file_at(path: Path | None, headers: dict[str, str]) -> Response:
    """A file, read at once: it may be deleted or replaced while it is sent."""
    try:
        content = None if path is None else await asyncio.to_thread(path.read_bytes)
    except OSError:
        content = None
    if path is None or content is None:
        return PlainTextResponse("There is no such file here any more.", 404)
    return Response(content, media_type=TYPES.get(path.suffix, "application/octet-stream"), headers=headers)


def check_token(token: str | None, listen: str | None) -> str | None:
    """The token that everyone must know, None for nobody. A SettingsError if it is too short, or missing where others may ask."""
    if token == "none":  # noqa: S105 (no token)
        if listen is not None:
            raise SettingsError("--listen lets other machines in, so there has to be a token: leave --token out, and one is made.")
        return None
    if token is not None and len(token) < SHORTEST_TOKEN:
        raise SettingsError(f"--token has {len(token)} letters, and needs at least {SHORTEST_TOKEN}. Leave it out, and one is made.")
    return secrets.token_urlsafe(18) if token is None else token


def bound_socket(address: str, port: int | None) -> socket.socket:
    """A socket that listens there; without a port at 8077, or at one of the next that are free. A SparringError if there is none."""
    problem: OSError | None = None
    for tried in range(PORT, PORT + MORE_PORTS) if port is None else (port,):
        try:
            kind = socket.getaddrinfo(address, tried, type=socket.SOCK_STREAM)[0]
            found = socket.socket(kind[0], socket.SOCK_STREAM)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind(kind[4])
                found.listen()  # before the address is printed: who opens it at once waits, and is not refused
            except OSError:
                found.close()
                raise
            return found
        except OSError as error:
            problem = error
    where = f"{address}:{port}" if port is not None else f"{address}, at ports {PORT} to {PORT + MORE_PORTS - 1}"
    reason = problem.strerror if problem is not None else ""
    raise SparringError(f"The studio cannot listen at {where}: {reason}. Choose another --port, or another address.")


def serve(
    named: Sequence[Path], console: "Console", *, listen: str | None = None, port: int | None = None, token: str | None = None
) -> None:
    """Serve the studio until Ctrl-C. `listen`: the address of this machine at which other machines may ask, too; None: none may.

    Raises a SparringError for what cannot be shown, for a token that is too short, and for a port that is taken.
    """
    chosen = check_token(token, listen)
    places = Places(named)
    address = listen or "127.0.0.1"
    with contextlib.closing(bound_socket(address, port)) as listening:
        studio = Studio(places)
        host, at = ("127.0.0.1" if address in ("0.0.0.0", "::") else address), listening.getsockname()[1]  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            studio.app(chosen, listens=listen),
            ws_max_size=MOST_MESSAGE_BYTES,
            ws_max_queue=8,
            ws="websockets-sansio",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=2,
            limit_concurrency=500,
            h11_max_incomplete_event_size=2**16,
        )
        console.print(
            f"Studio: http://{host}:{at}/" + ("" if chosen is None else f"?token={chosen}"), highlight=False, soft_wrap=True, markup=False
        )
        if listen is not None:
            console.print(
                "Other machines may open this address, unencrypted: whoever reads the network reads the token, too.", highlight=False
            )
        console.print("Stop with Ctrl-C.", highlight=False)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
        studio.stage.close()
    console.print("The studio is closed.", highlight=False)
