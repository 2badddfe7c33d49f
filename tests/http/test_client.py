"""The HTTP client: retries, waits, limits, redirects and headers; it never shows a secret."""

import gzip
import logging
import re
import socket
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from include.http.client import HttpClient, Response
from include.http.errors import (
    AuthError,
    BadRequest,
    HttpError,
    NotFound,
    RateLimited,
    SourceUnavailable,
    UnexpectedBody,
    WrongHost,
)
from tests.http.raw_server import OK, Api, RawServer, message

TOKEN = "s3cret/token+of=mine"
IN_QUERY = "inquery"
PASSWORD = "passw0rd"
HTML = b"<!DOCTYPE html><html><h1>Down for maintenance</h1></html>"
TRANSIENT = {
    "503": (message(HTML, 503, Content_Type="text/html"), SourceUnavailable),
    "500": (message(b'{"message": "oops"}', 500), SourceUnavailable),
    "429": (message(status=429), RateLimited),
    "202": (message(status=202), SourceUnavailable),
    "103": (message(b"", status=103), SourceUnavailable),
    "HTML": (message(HTML, Content_Type="text/html"), UnexpectedBody),
    "HTML sent as JSON": (message(HTML), UnexpectedBody),
    "closed connection": (b"", SourceUnavailable),
    "truncated body": (message(b'{"ok": t', Content_Length="12"), SourceUnavailable),
    "truncated chunks": (
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"ok": t\r\n',
        SourceUnavailable,
    ),
}
StartApi = Callable[..., Api]


@pytest.fixture
def start_api() -> Iterator[StartApi]:
    with ExitStack() as stack:
        yield lambda *answers: stack.enter_context(Api(*answers))


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Records the client's pauses instead of sleeping."""
    waits: list[float] = []
    monkeypatch.setattr("include.http.client.sleep", waits.append)
    return waits


@pytest.mark.parametrize("case", TRANSIENT)
def test_get_retries_transient_failure(start_api: StartApi, waits: list[float], case: str) -> None:
    failure, _ = TRANSIENT[case]
    api = start_api(failure, failure, OK)
    assert HttpClient(api.url).get("/rows").json() == {"ok": True}
    assert (len(api.requests), len(waits)) == (3, 2)


@pytest.mark.parametrize("case", TRANSIENT)
def test_get_reports_persistent_failure_in_one_line(
    start_api: StartApi, waits: list[float], case: str
) -> None:
    failure, kind = TRANSIENT[case]
    api = start_api(failure)
    with pytest.raises(kind) as caught:
        HttpClient(api.url, attempts=3).get("/rows", params={"a": "b"})
    assert re.fullmatch(rf"{api.host}/rows .+[;,] .+ \(after 3 attempts\)", str(caught.value))
    assert (len(api.requests), len(waits)) == (3, 2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, BadRequest), (401, AuthError), (403, AuthError), (404, NotFound)),
        *((405, BadRequest), (422, BadRequest), (302, WrongHost), (300, WrongHost)),
    ],
)
def test_get_does_not_retry_a_refusal_and_shows_its_reason(
    start_api: StartApi, status: int, kind: type[HttpError]
) -> None:
    api = start_api(message(b'{"code": "some.code", "message": "because  of\\nthis"}', status))
    with pytest.raises(kind, match=rf"\({status}: some\.code, because of this\)"):
        HttpClient(api.url).get("/rows")
    assert len(api.requests) == 1


def test_post_is_sent_once_unless_repeatable(start_api: StartApi) -> None:
    api = start_api(message(status=500))
    client = HttpClient(api.url, attempts=3)
    with pytest.raises(SourceUnavailable):
        client.request("POST", "/outages", json=[{"id": 1}])
    assert [body for _, _, body in api.requests] == [b'[{"id": 1}]']
    with pytest.raises(SourceUnavailable):
        client.request("POST", "/outages", form={"DATA": "a;b"}, repeatable=True)
    assert [body for _, _, body in api.requests[1:]] == [b"DATA=a%3Bb"] * 3


@pytest.mark.parametrize(
    ("headers", "min_s", "max_s"),
    [
        ({"Retry_After": "7"}, 7, 8),
        (
            # relative to the server's Date
            {
                "Date": "Tue, 04 Mar 2003 10:00:00 GMT",
                "Retry_After": "Tue, 04 Mar 2003 10:00:20 GMT",
            },
            20,
            21,
        ),
        *(({"Retry_After": odd}, 0, 60) for odd in ("soon", "-5", "", "9999999", "9" * 400)),
    ],
    ids=str,
)
def test_wait_is_at_least_retry_after_and_at_most_a_minute(
    start_api: StartApi, waits: list[float], headers: dict[str, str], min_s: float, max_s: float
) -> None:
    HttpClient(start_api(message(status=429, **headers), OK).url).get("/rows")
    assert min_s <= waits[0] <= max_s


def test_waits_are_random_and_grow_to_a_limit(start_api: StartApi, waits: list[float]) -> None:
    with pytest.raises(SourceUnavailable):
        HttpClient(start_api(message(status=503)).url, attempts=9).get("/rows")
    limits = [1, 2, 4, 8, 16, 30, 30, 30]
    assert all(wait <= limit for wait, limit in zip(waits, limits, strict=True))
    assert len(set(waits)) > 1


def test_retry_after_beyond_the_deadline_fails(start_api: StartApi, waits: list[float]) -> None:
    api = start_api(message(status=429, Retry_After="50"))
    with pytest.raises(RateLimited) as caught:
        HttpClient(api.url, total_s=30).get("/rows")
    assert caught.value.retry_after_s == 50
    assert (len(api.requests), waits) == (1, [])


def test_client_waits_for_its_turn_before_each_attempt(start_api: StartApi) -> None:
    api = start_api(message(status=503), message(status=503), OK)
    turns: list[int] = []
    HttpClient(api.url, wait_turn=lambda: turns.append(len(api.requests))).get("/rows")
    assert turns == [0, 1, 2]


@pytest.mark.parametrize(("size", "fits"), [(1_000, True), (1_001, False)])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_body_beyond_max_bytes_is_refused(
    start_api: StartApi, size: int, *, packed: bool, fits: bool
) -> None:
    body = b"x" * size
    answer = message(gzip.compress(body), Content_Encoding="gzip") if packed else message(body)
    client = HttpClient(start_api(answer).url, attempts=1, max_bytes=1_000)
    if fits:
        assert client.get("/rows").content == body
    else:
        with pytest.raises(UnexpectedBody, match="more than 1,000 bytes"):
            client.get("/rows")


@pytest.mark.parametrize(
    "answer",
    [
        message(f'{{"message": "Invalid token {TOKEN}"}}'.encode(), 403),
        message(f'{{"message": "{"x" * 290} {TOKEN}"}}'.encode(), 403),
        message(b'{"message": "cannot read $$app_token=inquery&a=b"}', 400),
        message(status=503),
        b"",
        message(HTML),
        message(b"", 302, Location="http://localhost:1/?$$app_token=inquery"),
        message(b"", 302, Location=f"http://localhost:1/{TOKEN}"),
        b"HTTP/1.1 403 No\r\nno header\r\n\r\n",
    ],
)
def test_failure_shows_no_secret(
    start_api: StartApi, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    """No log line, exception or traceback contains a token."""
    caplog.set_level(logging.DEBUG)
    api = start_api(answer)
    client = HttpClient(api.url, headers={"X-App-Token": TOKEN}, attempts=2)
    with pytest.raises(HttpError) as caught:
        client.get(
            "/rows",
            params={"$$app_token": IN_QUERY},
            headers={"Authorization": "Bearer perCall"},
            check=lambda response: pytest.fail(f"not refused: {response}"),
        )
    assert api.requests[0][1]["X-App-Token"] == TOKEN
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert api.host in shown
    assert not [part for part in (TOKEN[:8], IN_QUERY, "perCall") if part in shown]


def test_refused_connection_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = HttpClient(
        f"http://me:{PASSWORD}@127.0.0.1:9", headers={"X-Api-Key": TOKEN}, attempts=2
    )
    with pytest.raises(SourceUnavailable, match=r"^127\.0\.0\.1:9/rows could not be") as caught:
        client.get("/rows", params={"api_key": IN_QUERY})
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert not [secret for secret in (TOKEN, IN_QUERY, PASSWORD) if secret in shown]


@pytest.mark.parametrize("token", ["to\nken", "t\u00f6k\u2019en"])
def test_token_invalid_in_a_header_is_refused_before_sending(token: str) -> None:
    with pytest.raises(BadRequest, match="enter it again") as caught:
        HttpClient("http://127.0.0.1:9", headers={"X-App-Token": token}).get("/rows")
    assert token not in "".join(traceback.format_exception(caught.value))


def test_redirect_within_the_host_is_followed_with_all_headers(start_api: StartApi) -> None:
    api = start_api(message(b"", 301, Location="/new"), OK)
    HttpClient(api.url, headers={"X-Api-Key": TOKEN}).get("/rows")
    assert [(asked, headers["X-Api-Key"]) for asked, headers, _ in api.requests] == [
        ("GET /rows", TOKEN),
        ("GET /new", TOKEN),
    ]


def test_redirect_to_another_host_is_refused_and_not_followed(start_api: StartApi) -> None:
    other = start_api()
    api = start_api(message(b"", 302, Location=f"{other.url}/rows?secret=x"))
    with pytest.raises(WrongHost, match=f"redirects to {other.host}/rows, another host"):
        HttpClient(api.url, headers={"X-Api-Key": TOKEN}).get("/rows")
    assert other.connections == 0


def test_redirect_of_a_post_is_refused(start_api: StartApi) -> None:
    api = start_api(message(b"", 307, Location="/new"))
    with pytest.raises(WrongHost, match="redirects to /new"):
        HttpClient(api.url).request("POST", "/rows", json={})
    assert len(api.requests) == 1


@pytest.mark.parametrize("host", ["", "http://", "http://[bad", "ht tp://x", "ftp://127.0.0.1"])
def test_get_refuses_invalid_address(host: str) -> None:
    with pytest.raises(WrongHost, match="is not a valid address"):
        HttpClient(host).get("/rows")


def test_get_http_host_without_scheme_suggests_http() -> None:
    def refuse_tls(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 -\r\n\r\n")

    with RawServer(refuse_tls) as api, pytest.raises(WrongHost, match="write http://"):
        HttpClient(api.host).get("/rows")


def test_response_keeps_the_body_as_it_was_sent(start_api: StartApi) -> None:
    packed = gzip.compress(b'{"ok": true}', mtime=77)
    api = start_api(message(packed, Content_Encoding="gzip"), OK)
    client = HttpClient(api.url)
    response = client.get("/rows")
    assert (response.wire, response.gzipped, response.content) == (packed, packed, b'{"ok": true}')
    assert api.requests[0][1]["Accept-Encoding"] == "gzip"
    assert gzip.decompress(client.get("/rows").gzipped) == b'{"ok": true}'


@pytest.mark.parametrize(
    ("headers", "publisher"),
    [({}, "official"), ({"X_Made_Up": "seed=7"}, "made-up:7"), ({"X_Made_Up": "\x1b"}, "made-up:")],
)
def test_response_names_its_publisher(
    start_api: StartApi, headers: dict[str, str], publisher: str
) -> None:
    found = HttpClient(start_api(message(**headers)).url).get("/rows").publisher
    assert found.startswith(publisher)
    assert found.isprintable()


def test_ok_status_is_returned_unless_check_refuses_it(start_api: StartApi) -> None:
    client = HttpClient(start_api(message(b'{"message": "no"}', 400)).url)
    response = client.get("/recalls", ok_statuses={400})
    assert (response.status, response.json()) == (400, {"message": "no"})
    with pytest.raises(BadRequest, match=r"\(400: no\)"):
        client.get("/recalls", ok_statuses={400}, check=client.raise_for_status)
    with pytest.raises(BadRequest):
        client.get("/recalls", ok_statuses={404})


def test_answer_refused_by_check_is_requested_again(start_api: StartApi) -> None:
    api = start_api(message(b"[1]"), message(b"[1, 2]"))

    def require_two(response: Response) -> None:
        if len(response.json()) < 2:
            raise UnexpectedBody("too short")

    assert HttpClient(api.url).get("/rows", check=require_two).json() == [1, 2]


def test_user_agent_has_the_contact(start_api: StartApi, monkeypatch: pytest.MonkeyPatch) -> None:
    api = start_api()
    monkeypatch.setenv("HEADWATERS_CONTACT", "mailto:me@example.org")
    HttpClient(api.url).get("/rows")
    HttpClient(api.url, contact="https://example.net").get("/rows")
    assert [headers["User-Agent"] for _, headers, _ in api.requests] == [
        "headwaters/0.1 (+mailto:me@example.org)",
        "headwaters/0.1 (+https://example.net)",
    ]


def test_netrc_login_does_not_replace_a_token(
    start_api: StartApi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    api = start_api()
    HttpClient(api.url, headers={"Authorization": "Bearer mine"}).get("/rows")
    assert api.requests[0][1]["Authorization"] == "Bearer mine"
