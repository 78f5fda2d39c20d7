"""Talks to the studio as its page does."""

import json
import struct
from typing import Any

from starlette.testclient import TestClient, WebSocketTestSession

HOST = "127.0.0.1:8077"
LIVE = f"ws://{HOST}/live"
TOKEN = "correct-horse-battery"


def message(values: dict[str, Any], content: bytes = b"") -> bytes:
    head = json.dumps(values).encode()
    return struct.pack(">I", len(head)) + head + content


def read(data: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack_from(">I", data)
    return json.loads(data[4 : 4 + length]), data[4 + length :]


def ask(socket: WebSocketTestSession, values: dict[str, Any], content: bytes = b"") -> tuple[dict[str, Any], bytes]:
    """The answer to one wish."""
    socket.send_bytes(message({"id": 7, **values}, content))
    return read(socket.receive_bytes())


def ask_once(client: TestClient, values: dict[str, Any], content: bytes = b"") -> tuple[dict[str, Any], bytes]:
    """The answer to one wish on a socket of its own."""
    with client.websocket_connect(LIVE) as socket:
        return ask(socket, values, content)


def id_of(client: TestClient, name: str) -> str:
    """The id of a model by the end of its name."""
    return next(one["id"] for one in client.get("/api/models").json()["models"] if one["name"].endswith(name))
