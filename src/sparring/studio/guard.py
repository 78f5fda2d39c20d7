"""Who may ask the studio, and what every answer says to browsers.

Whatever listens on a machine can be reached from every page that is open in a browser there. So: the address of the request must be one of
this machine's (else a foreign name that was pointed here could read: DNS rebinding), a page that asks must come from here, and whoever asks
must know the token, which is in the address that the command prints.
"""

import hashlib
import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

OPEN_TO_ALL = ("/healthz",)
"""Paths that need no token: they say nothing of models."""
POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; media-src blob:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
STRANGER = """<!doctype html><html lang=en><meta charset=utf-8><title>Sparring studio</title><h1>Sparring studio</h1>
<p>This page opens with the whole address that <code>sparring studio</code> printed, token included. Copy it from the terminal."""
FORBIDDEN = 4403
"""Code with which a socket is refused."""


class Guard:
    """The application, for those alone who may use it."""

    def __init__(self, app: ASGIApp, token: str | None, *, listens: str | None = None) -> None:
        """`token`: what everyone must know; None: nothing. `listens`: the address that it listens at, if other machines may ask, too."""
        self.app, self.token, self.listens = app, token, listens
        self.cookie = f"sparring-{hashlib.sha256((token or '').encode()).hexdigest()[:8]}"
        """Its name: cookies are shared by all ports of a machine."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is None:
            await self.app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await WebSocketClose(FORBIDDEN)(scope, receive, send)
        else:
            await refusal(scope, receive, _with_headers(send))

    def refusal(self, scope: Scope) -> Response | None:
        """What is answered in place of the application; None: the application answers."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if len(headers.getlist("host")) != 1 or not self.is_own(host):
            return PlainTextResponse("This address is not this machine's.", 421)
        foreign = origin is not None and urlsplit(origin).netloc != host
        foreign |= headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _is_link(scope)  # same-site: another port
        if foreign or (origin is None and scope["type"] == "websocket"):
            return PlainTextResponse("Other pages may not ask here.", 403)
        if self.token is None or scope["path"] in OPEN_TO_ALL:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[-1]
        if given and self.is_token(given) and scope["type"] == "http" and scope["path"] == "/":
            answer = RedirectResponse("/", 303)  # the token leaves the address bar; what follows the # stays
            answer.set_cookie(self.cookie, given, httponly=True, samesite="strict", path="/")
            return answer
        if self.is_token(_cookie_of(headers, self.cookie)) or self.is_token(headers.get("authorization", "").removeprefix("Bearer ")):
            return None
        return HTMLResponse(STRANGER, 403)

    def is_token(self, given: str) -> bool:
        """Whether that is the token; the time that it takes to tell says nothing of it."""
        return self.token is not None and hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())

    def is_own(self, host: str) -> bool:
        """Whether a request's Host is an address of this machine. Names of the loopback; where other machines may ask, also addresses in
        numbers, which no foreign name can be turned into, and the machine's own name.
        """
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in ("localhost", "127.0.0.1", "::1"):
            return True
        return self.listens is not None and (name in (self.listens.lower(), socket.gethostname().lower()) or _is_address(name))


def _is_link(scope: Scope) -> bool:
    """Whether a link on another page led here: to the page itself alone, by navigation alone."""
    headers = Headers(scope=scope)
    page = scope["type"] == "http" and scope["path"] == "/" and scope["method"] == "GET"
    return page and headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookie_of(headers: Headers, name: str) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return "" if found is None else found.value


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
