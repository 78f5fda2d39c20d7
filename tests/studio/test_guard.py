"""Who may ask, and what cannot be asked for."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from sparring.core.errors import CheckpointError, SettingsError
from sparring.studio.guard import Guard
from sparring.studio.places import Places
from sparring.studio.server import Studio, bound_socket, check_token
from support.studio import HOST, LIVE, TOKEN, id_of

OWN = {"Origin": f"http://{HOST}"}
KNOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def stranger(studio: Studio) -> TestClient:
    """Somebody who knows nothing."""
    return TestClient(studio.app(TOKEN), base_url=f"http://{HOST}", follow_redirects=False)


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/api/models", "/?token=wrong", "/?token=", "/page/app.js?token=" + TOKEN])
def test_without_the_token_nothing_is_said(path: str, stranger: TestClient) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 403
    assert "models" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def test_the_printed_address_opens_the_page_and_hides_the_token(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in answer.headers["set-cookie"].split(";")}
    page = stranger.get("/")
    assert page.status_code == 200
    assert "<script" in page.text
    for header, value in {"cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp"}.items():
        assert page.headers[header] == value
    with stranger.websocket_connect(LIVE, headers=OWN):
        pass


def test_health_is_said_to_everyone_on_this_machine(stranger: TestClient) -> None:
    assert stranger.get("/healthz").text == "ok"
    assert stranger.get("/healthz", headers={"Host": "rebound.example"}).status_code == 421


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.example:8077", "192.168.0.7:8077", "localhost.example", "[::1", "a@evil.example", ""]
)
def test_another_name_for_this_machine_is_refused(host: str, client: TestClient) -> None:
    assert client.get("/api/models", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},  # another port of this machine
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    ],
)
def test_other_pages_may_not_ask(headers: dict[str, str], client: TestClient) -> None:
    assert client.get("/api/models", headers=headers).status_code == 403
    assert client.get("/", headers=headers).status_code == 403


def test_a_link_may_lead_to_the_page_but_not_past_it(client: TestClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    del client.headers["Origin"]
    try:
        assert client.get("/", headers=link).status_code == 200
        assert client.get("/api/models", headers=link).status_code == 403
    finally:
        client.headers["Origin"] = OWN["Origin"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        OWN,
        KNOWN,  # a socket always says where it comes from
        {**KNOWN, "Origin": "http://evil.example"},
        {**OWN, "Authorization": "Bearer wrong"},
        {**OWN, **KNOWN, "Host": "rebound.example", "Origin": "http://rebound.example"},
    ],
)
def test_sockets_are_guarded_like_pages(headers: dict[str, str], stranger: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), stranger.websocket_connect(LIVE, headers=headers):
        pass
    with pytest.raises(WebSocketDisconnect), stranger.websocket_connect(f"{LIVE}?token={TOKEN}", headers=headers):
        pass


@pytest.mark.parametrize(
    "name", ["../server.py", "%2e%2e%2fserver.py", "..%2f..%2fapi.py", "/etc/passwd", "server.py", "style.css%00", "."]
)
def test_no_path_leads_out_of_the_page(name: str, client: TestClient) -> None:
    assert client.get(f"/page/{name}").status_code in (404, 400)


@pytest.mark.parametrize(
    "name", ["..%2fconfig.json", "config.json", "step-000000001.png%2f..%2f..%2fconfig.json", "step-1.png", "%2fetc%2fpasswd"]
)
def test_no_path_leads_out_of_a_run(name: str, client: TestClient) -> None:
    run = id_of(client, "gray")
    assert client.get(f"/api/models/{run}/samples/{name}").status_code == 404
    assert client.get(f"/api/models/{run}/reports/{name}").status_code == 404
    assert client.get("/api/models/..%2f..%2fgray/watch").status_code in (404, 200)


def test_a_model_is_known_by_its_id_and_never_by_its_path(client: TestClient, shelf: Path) -> None:
    assert client.get(f"/api/models/{str(shelf / 'gray').replace('/', '%2F')}/watch").status_code == 404
    assert client.get("/api/models/gray/watch").json() == {"there": False}
    ids = [one["id"] for one in client.get("/api/models").json()["models"]]
    assert len(set(ids)) == len(ids) == 7
    assert all("gray" not in one and len(one) == 12 for one in ids)


def test_a_report_may_do_nothing_but_be_looked_at(client: TestClient, shelf: Path) -> None:
    (shelf / "gray" / "report.html").write_text("<script>alert(1)</script>")
    answer = client.get(f"/api/models/{id_of(client, 'gray')}/reports/judge")
    (shelf / "gray" / "report.html").unlink()
    assert answer.status_code == 200
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_what_other_machines_may_call_this_one() -> None:
    guard = Guard(lambda *_: None, TOKEN, listens="0.0.0.0")  # pyright: ignore[reportArgumentType]
    assert all(guard.is_own(host) for host in ("10.1.2.3:8077", "[fe80::1]:8077", "127.0.0.1", "localhost:1"))
    assert not any(guard.is_own(host) for host in ("evil.example", "10.1.2.3.example", "", "10.1.2"))


def test_listening_to_others_needs_a_token() -> None:
    with pytest.raises(SettingsError, match="--listen"):
        check_token("none", "0.0.0.0")
    with pytest.raises(SettingsError, match="16"):
        check_token("short", None)
    assert check_token("none", None) is None
    first, second = check_token(None, "0.0.0.0"), check_token(None, None)
    assert first != second
    assert len(first or "") >= 24


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with bound_socket("127.0.0.1", 0) as taken, pytest.raises(Exception, match="Choose another --port"):
        bound_socket("127.0.0.1", taken.getsockname()[1])


def test_everything_that_cannot_be_shown_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(CheckpointError) as caught:
        Places([tmp_path / "photos", tmp_path / "notes.txt", tmp_path / "gone"])
    assert all(name in str(caught.value) for name in ("photos", "notes.txt", "gone"))
    assert Places([]).all() == []
