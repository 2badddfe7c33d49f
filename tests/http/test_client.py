"""The way to the network: what is repeated, what is not, and that no secret is ever told."""

from __future__ import annotations

import gzip
import json
import logging
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self

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

TOKEN = "s3cret/token+of=mine"
IN_QUERY = "inquery"
PER_CALL = {"Authorization": "Bearer perCall"}
WITH_PASSWORD = "http://me:passw0rd@127.0.0.1:9"
HTML = b"<!DOCTYPE html><html><h1>Down for maintenance</h1></html>"


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Script:
    """A server that gives one prepared answer after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[Callable[[BaseHTTPRequestHandler], None]] = []
        self.asked: list[Asked] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                body = self.rfile.read(length)
                script.asked.append(Asked(self.command, self.path, dict(self.headers), body))
                turn = min(len(script.asked), len(script.answers)) - 1
                script.answers[turn](self)

            do_GET = do_POST = handle_one  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"
        self.url = f"http://{self.host}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def reply(
    status: int = 200, body: bytes = b'{"ok": true}', **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    sent = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        for name, value in sent.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = int(sent["Content-Length"]) != len(body)

    return send


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def cut_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response_only(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'8\r\n{"ok": t\r\n')
    handler.close_connection = True


def stream_for_ever(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response_only(200)
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b" ")
    except OSError:
        pass


FOR_NOW = {
    "503": reply(503, HTML, Content_Type="text/html"),
    "500": reply(500, b'{"message": "oops"}'),
    "429": reply(429),
    "202": reply(202),
    "html": reply(200, HTML, Content_Type="text/html"),
    "html called json": reply(200, HTML),
    "hung up": hang_up,
    "cut body": reply(200, b'{"ok": t', Content_Length="12"),
    "cut chunks": cut_chunks,
    "cut gzip": reply(200, gzip.compress(b'{"ok": true}')[:-9], Content_Encoding="gzip"),
}
NAMES = {
    "503": SourceUnavailable,
    "500": SourceUnavailable,
    "429": RateLimited,
    "202": SourceUnavailable,
    "html": UnexpectedBody,
    "html called json": UnexpectedBody,
}


@pytest.fixture
def api() -> Iterator[Script]:
    with Script() as script:
        script.answers = [reply()]
        yield script


@pytest.fixture
def other_host() -> Iterator[Script]:
    with Script() as script:
        script.answers = [reply()]
        yield script


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.http.client.sleep", waits.append)
    return waits


@pytest.mark.parametrize("trouble", FOR_NOW)
def test_what_fails_for_now_is_asked_again(api: Script, waits: list[float], trouble: str) -> None:
    """A GET that fails for now is repeated whole, and the caller sees only the good answer."""
    api.answers = [FOR_NOW[trouble], FOR_NOW[trouble], reply()]
    assert HttpClient(api.url).get("/rows").json() == {"ok": True}
    assert len(api.asked) == 3
    assert len(waits) == 2


@pytest.mark.parametrize("trouble", FOR_NOW)
def test_what_stays_broken_has_a_name(api: Script, waits: list[float], trouble: str) -> None:
    """After the last attempt the error is named, and one line says what, where and what to do."""
    api.answers = [FOR_NOW[trouble]]
    with pytest.raises(NAMES.get(trouble, SourceUnavailable)) as caught:
        HttpClient(api.url, attempts=3).get("/rows", params={"a": "b"})
    assert re.fullmatch(rf"{api.host}/rows .+[;,] .+ \(after 3 attempts\)", str(caught.value))
    assert len(api.asked) == 3
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, BadRequest),
        (401, AuthError),
        (403, AuthError),
        (404, NotFound),
        (405, BadRequest),
        (422, BadRequest),
        (304, WrongHost),
    ],
)
def test_what_is_hopeless_fails_at_once(
    api: Script, waits: list[float], status: int, error: type[HttpError]
) -> None:
    """A refusal is not repeated, and carries the reason that the API gave."""
    api.answers = [reply(status, b'{"code": "some.code", "message": "because  of\\nthis"}')]
    if status == 304:
        api.answers = [reply(304, b"")]
    with pytest.raises(error) as caught:
        HttpClient(api.url).get("/rows")
    assert len(api.asked) == 1
    assert waits == []
    if status != 304:
        assert f"({status}: some.code, because of this)" in str(caught.value)


def test_a_post_is_sent_once_unless_it_may_be_repeated(api: Script, waits: list[float]) -> None:
    """Only a caller who says that twice does no harm has a POST repeated."""
    api.answers = [FOR_NOW["500"]]
    client = HttpClient(api.url, attempts=3)
    with pytest.raises(SourceUnavailable):
        client.request("POST", "/outages", json=[{"id": 1}])
    assert [asked.body for asked in api.asked] == [b'[{"id": 1}]']
    assert waits == []
    with pytest.raises(SourceUnavailable):
        client.request("POST", "/outages", form={"DATA": "a;b"}, repeatable=True)
    assert [asked.body for asked in api.asked[1:]] == [b"DATA=a%3Bb"] * 3


def test_retry_after_in_seconds_is_honoured(api: Script, waits: list[float]) -> None:
    """The pause is at least as long as the API asks for."""
    api.answers = [reply(429, Retry_After="7"), reply()]
    HttpClient(api.url).get("/rows")
    assert 7 <= waits[0] <= 8


def test_retry_after_as_a_date_is_read_by_the_clock_of_the_server(
    api: Script, waits: list[float]
) -> None:
    """A date means the time from the answer's own Date, so that clocks need not agree."""
    api.answers = [
        reply(
            503,
            Date="Tue, 04 Mar 2003 10:00:00 GMT",
            Retry_After="Tue, 04 Mar 2003 10:00:20 GMT",
        ),
        reply(),
    ]
    HttpClient(api.url).get("/rows")
    assert 20 <= waits[0] <= 21


@pytest.mark.parametrize("value", ["soon", "-5", "", "9999999", "1e9"])
def test_an_odd_retry_after_does_no_harm(api: Script, waits: list[float], value: str) -> None:
    """What cannot be read is ignored, and nothing makes a client wait for more than a minute."""
    api.answers = [reply(429, Retry_After=value), reply()]
    HttpClient(api.url).get("/rows")
    assert 0 <= waits[0] <= 60


def test_the_pauses_grow_within_bounds(api: Script, waits: list[float]) -> None:
    """Without advice the pauses are random, under a limit that doubles and ends at 30 seconds."""
    api.answers = [FOR_NOW["503"]]
    with pytest.raises(SourceUnavailable):
        HttpClient(api.url, attempts=9).get("/rows")
    limits = [1, 2, 4, 8, 16, 30, 30, 30]
    assert all(wait <= limit for wait, limit in zip(waits, limits, strict=True))
    assert len(set(waits)) > 1


def test_no_pause_goes_past_the_total_time(api: Script, waits: list[float]) -> None:
    """Where waiting would take longer than the exchange may, it fails instead."""
    api.answers = [reply(429, Retry_After="50")]
    with pytest.raises(RateLimited):
        HttpClient(api.url, total_s=30).get("/rows")
    assert len(api.asked) == 1
    assert waits == []


def test_a_body_that_never_ends_is_given_up(api: Script, waits: list[float]) -> None:
    """A body that goes on and on ends with the total time, whatever the read timeout."""
    api.answers = [stream_for_ever]
    with pytest.raises(SourceUnavailable, match="took too long"):
        HttpClient(api.url, total_s=0.1).get("/rows")
    assert waits == []


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("size", "fits"), [(1_000, True), (1_001, False)])
def test_a_body_has_a_limit_where_one_is_set(
    api: Script, waits: list[float], size: int, *, packed: bool, fits: bool
) -> None:
    """The limit holds for what travels, and for what comes of it when it is unpacked."""
    body = json.dumps("x" * (size - 2)).encode()
    api.answers = [
        reply(body=gzip.compress(body), Content_Encoding="gzip") if packed else reply(body=body)
    ]
    client = HttpClient(api.url, attempts=1, max_bytes=1_000)
    if fits:
        assert client.get("/rows").content == body
    else:
        with pytest.raises(UnexpectedBody, match="more than 1,000 bytes"):
            client.get("/rows")
    assert waits == []


def test_json_without_end_is_no_json(api: Script, waits: list[float]) -> None:
    """A body that is nested too deeply is an unexpected body, not a broken stack."""
    api.answers = [reply(body=b"[" * 200_000)]
    with pytest.raises(UnexpectedBody, match="not JSON"):
        HttpClient(api.url, attempts=1).get("/rows").json()
    assert waits == []


def test_each_exchange_is_paced(api: Script, waits: list[float]) -> None:
    """A client with a pace waits for it before each exchange, the repeated ones too."""
    api.answers = [reply(503), reply(503), reply()]
    paced: list[int] = []
    HttpClient(api.url, wait_turn=lambda: paced.append(len(api.asked))).get("/rows")
    assert paced == [0, 1, 2]
    assert len(waits) == 2


def _everything_told(caught: pytest.ExceptionInfo[HttpError], logged: str) -> str:
    return "".join(traceback.format_exception(caught.value)) + repr(caught.value) + logged


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize(
    "answer",
    [
        reply(403, f'{{"message": "Invalid token {TOKEN}"}}'.encode()),
        reply(400, b'{"message": "cannot read $$app_token=inquery&a=b"}'),
        FOR_NOW["503"],
        hang_up,
        reply(200, HTML),
        reply(302, b"", Location="http://localhost:1/?$$app_token=inquery"),
    ],
)
def test_no_secret_is_told(
    api: Script,
    caplog: pytest.LogCaptureFixture,
    answer: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    """Tokens show in no log line, at any level, and nowhere in an exception."""
    caplog.set_level(logging.DEBUG)
    api.answers = [answer]
    client = HttpClient(api.url, headers={"X-App-Token": TOKEN}, attempts=2)
    with pytest.raises(HttpError) as caught:
        client.get("/rows", params={"$$app_token": IN_QUERY}, headers=PER_CALL)
    assert api.asked[0].headers["X-App-Token"] == TOKEN
    told = _everything_told(caught, caplog.text)
    assert api.host in told
    assert not {secret for secret in (TOKEN, IN_QUERY, "perCall") if secret in told}


def test_no_secret_is_told_when_nobody_answers(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    """A refused connection tells host and path, and neither password nor query."""
    caplog.set_level(logging.DEBUG)
    client = HttpClient(WITH_PASSWORD, headers={"X-Api-Key": TOKEN}, attempts=2)
    with pytest.raises(SourceUnavailable, match=r"^127\.0\.0\.1:9/rows could not be") as caught:
        client.get("/rows", params={"api_key": IN_QUERY})
    told = _everything_told(caught, caplog.text)
    assert not {secret for secret in (TOKEN, IN_QUERY, "passw0rd") if secret in told}
    assert len(waits) == 1


@pytest.mark.parametrize("token", ["to\nken", "t\u00f6k\u2019en"])
def test_a_token_that_no_header_can_carry_is_one_clear_line(token: str) -> None:
    """A token with a line end or a curly quote is refused before anything is sent, untold."""
    with pytest.raises(BadRequest, match="enter it again") as caught:
        HttpClient("http://127.0.0.1:9", headers={"X-App-Token": token}).get("/rows")
    assert token not in "".join(traceback.format_exception(caught.value))


def test_a_redirect_within_the_host_is_followed(api: Script) -> None:
    """A page that moved within its host is found, with all headers."""
    api.answers = [reply(301, b"", Location="/elsewhere"), reply()]
    HttpClient(api.url, headers={"X-Api-Key": TOKEN}).get("/rows")
    assert [asked.path for asked in api.asked] == ["/rows", "/elsewhere"]
    assert api.asked[1].headers["X-Api-Key"] == TOKEN


def test_a_redirect_to_another_host_is_not_followed(api: Script, other_host: Script) -> None:
    """Another host gets nothing, so no header of ours; the error names it."""
    api.answers = [reply(302, b"", Location=f"{other_host.url}/rows?secret=x")]
    with pytest.raises(WrongHost, match=f"redirects to {other_host.host}/rows, another host"):
        HttpClient(api.url, headers={"X-Api-Key": TOKEN}).get("/rows")
    assert other_host.asked == []


def test_a_post_follows_no_redirect(api: Script) -> None:
    """What changes something is sent to the address that was given, or not at all."""
    api.answers = [reply(307, b"", Location="/elsewhere")]
    with pytest.raises(WrongHost, match="redirects to /elsewhere"):
        HttpClient(api.url).request("POST", "/rows", json={})
    assert len(api.asked) == 1


def test_a_redirect_in_circles_ends(api: Script) -> None:
    """Endless redirects are an error at once."""
    api.answers = [reply(302, b"", Location="/rows")]
    with pytest.raises(WrongHost, match="more than 3 times"):
        HttpClient(api.url).get("/rows")


@pytest.mark.parametrize("host", ["", "http://", "http://[bad", "ht tp://x", "ftp://127.0.0.1"])
def test_what_is_no_address_fails_at_once(host: str, waits: list[float]) -> None:
    """A host that cannot be one is an error that says so."""
    with pytest.raises(WrongHost, match="is not a valid address"):
        HttpClient(host).get("/rows")
    assert waits == []


def test_without_a_scheme_https_is_meant(api: Script, waits: list[float]) -> None:
    """A plain host is asked by https; where that is not spoken, the error says what to write."""
    with pytest.raises(WrongHost, match="write http://"):
        HttpClient(api.host).get("/rows")
    assert waits == []


def test_the_body_is_kept_as_it_travelled(api: Script) -> None:
    """A gzipped body is there twice: byte for byte as it came, and unpacked."""
    packed = gzip.compress(b'{"ok": true}', mtime=77)
    api.answers = [reply(200, packed, Content_Encoding="gzip")]
    answer = HttpClient(api.url).get("/rows")
    assert answer.is_gzipped
    assert (answer.wire, answer.content) == (packed, b'{"ok": true}')
    assert api.asked[0].headers["Accept-Encoding"] == "gzip"


def test_a_body_that_is_not_json_has_a_name(api: Script) -> None:
    """Asking a text for its JSON is an error that names where it came from."""
    api.answers = [reply(200, b"KEY,FREQ", Content_Type="text/csv")]
    answer = HttpClient(api.url).get("/rates")
    assert answer.content == b"KEY,FREQ"
    with pytest.raises(UnexpectedBody, match=f"{api.host}/rates sent a body that is not JSON"):
        answer.json()


def test_a_status_may_be_an_answer(api: Script) -> None:
    """A status that the caller accepts is handed over, and others are refused as ever."""
    api.answers = [reply(400, b'{"results": []}'), reply(404)]
    client = HttpClient(api.url)
    answer = client.get("/recalls", ok_statuses={400})
    assert (answer.status, answer.json()) == (400, {"results": []})
    with pytest.raises(NotFound):
        client.get("/recalls", ok_statuses={400})


@pytest.mark.usefixtures("waits")
def test_a_check_of_the_caller_is_part_of_the_exchange(api: Script) -> None:
    """An answer that the caller's check refuses is asked for again."""
    api.answers = [reply(200, b"[1]"), reply(200, b"[1, 2]")]

    def is_long_enough(answer: Response) -> None:
        if len(answer.json()) < 2:
            raise UnexpectedBody("too short")

    assert HttpClient(api.url).get("/rows", check=is_long_enough).json() == [1, 2]


def test_the_user_agent_names_project_and_contact(
    api: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishers can see who asks; the contact is the operator's own."""
    monkeypatch.setenv("HEADWATERS_CONTACT", "mailto:me@example.org")
    HttpClient(api.url).get("/rows")
    HttpClient(api.url, contact="https://example.net").get("/rows")
    assert [asked.headers["User-Agent"] for asked in api.asked] == [
        "headwaters/0.1 (+mailto:me@example.org)",
        "headwaters/0.1 (+https://example.net)",
    ]


def test_a_netrc_does_not_replace_our_credentials(
    api: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory
) -> None:
    """A login for the host in ~/.netrc stays at home."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    HttpClient(api.url, headers={"Authorization": "Bearer mine"}).get("/rows")
    assert api.asked[0].headers["Authorization"] == "Bearer mine"
