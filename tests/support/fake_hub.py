"""A hub on this machine, which speaks as much of the Hugging Face hub's language as its library asks for."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class FakeHub:
    """Repositories by name; a repository is a list of commits, each with all files."""

    def __init__(self) -> None:
        self.repositories: dict[str, list[tuple[str, dict[str, bytes]]]] = {}
        self.private: dict[str, bool] = {}
        self.asked: list[str] = []
        """Paths that were asked for, with their methods."""
        self.uploads: dict[str, bytes] = {}
        self.refuse = 0
        """A status with which everything is refused."""
        self.address = ""

    def commit(self, name: str, changed: dict[str, bytes]) -> str:
        """Add a commit, and give its name."""
        before = self.repositories[name][-1][1] if self.repositories.get(name) else {}
        content = {**before, **changed}
        sha = hashlib.sha1(repr(sorted((path, hashlib.sha256(each).hexdigest()) for path, each in content.items())).encode()).hexdigest()
        self.repositories.setdefault(name, []).append((sha, content))
        return sha

    def at(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """A commit and its files."""
        commits = self.repositories[name]
        if revision == "main":
            return commits[-1] if commits else ("0" * 40, {})
        return next((each for each in commits if each[0] == revision), None)


@contextmanager
def serving() -> Iterator[FakeHub]:
    """In the block, a hub listens on this machine."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def give(self, status: int, content: bytes | dict[str, Any] = b"", **headers: str) -> None:
            content = json.dumps(content).encode() if isinstance(content, dict) else content
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def missing(self, code: str) -> None:
            self.give(404, {"error": code}, X_Error_Code=code)

        def answer(self) -> None:
            path = self.path.partition("?")[0]
            hub.asked.append(f"{self.command} {path}")
            body = self.body()
            if hub.refuse:
                self.give(hub.refuse, {"error": "no"})
            elif path == "/api/repos/create":
                asked = json.loads(body)
                name = "/".join(part for part in (asked.get("organization"), asked["name"]) if part)
                hub.repositories.setdefault(name, [])
                hub.private[name] = bool(asked.get("private")) or asked.get("visibility") == "private"
                self.give(200, {"url": f"{hub.address}/{name}"})
            elif path == "/api/validate-yaml":
                self.give(200, {"errors": [], "warnings": []})
            elif path.startswith("/upload/"):
                hub.uploads[path.removeprefix("/upload/")] = body
                self.give(200)
            elif found := re.fullmatch(r"/(.+?)\.git/info/lfs/objects/batch", path):
                objects = json.loads(body)["objects"]
                actions = [{**each, "actions": {"upload": {"href": f"{hub.address}/upload/{each['oid']}"}}} for each in objects]
                self.give(200, {"transfer": "basic", "objects": actions})
            elif found := re.fullmatch(r"/api/models/(.+?)/(preupload|commit|revision)/(.+)", path):
                self.model(*found.groups(), body)
            elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)", path):
                self.model(found[1], "revision", "main", body)
            elif found := re.fullmatch(r"/(.+?)/resolve/([^/]+)/(.+)", path):
                name, revision, file = found.groups()
                sha, files = hub.at(name, revision) or ("", {})
                if file not in files:
                    self.missing("EntryNotFound")
                else:
                    self.give(200, files[file], ETag=f'"{hashlib.sha256(files[file]).hexdigest()}"', X_Repo_Commit=sha)
            else:
                self.missing("EntryNotFound")

        def model(self, name: str, verb: str, revision: str, body: bytes) -> None:
            if name not in hub.repositories:
                self.missing("RepoNotFound")
            elif verb == "preupload":
                files = [each["path"] for each in json.loads(body)["files"]]
                kinds = [{"path": path, "uploadMode": "lfs" if path.endswith(".safetensors") else "regular"} for path in files]
                self.give(200, {"files": [{**each, "shouldIgnore": False} for each in kinds]})
            elif verb == "commit":
                changed: dict[str, bytes] = {}
                for line in body.splitlines():
                    entry = json.loads(line)
                    if entry["key"] == "file":
                        changed[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
                    if entry["key"] == "lfsFile":
                        changed[entry["value"]["path"]] = hub.uploads[entry["value"]["oid"]]
                sha = hub.commit(name, changed)
                self.give(200, {"commitUrl": f"{hub.address}/{name}/commit/{sha}", "commitOid": sha, "success": True})
            elif (found := hub.at(name, revision)) is None:
                self.missing("RevisionNotFound")
            else:
                siblings = [{"rfilename": path} for path in found[1]]
                self.give(200, {"id": name, "modelId": name, "sha": found[0], "siblings": siblings, "tags": [], "private": False})

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
