"""The client: what it asks, what it repeats, what it says when that does not help."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from fakes.control import Control
from include.first.rest import (
    AuthError,
    BadRequest,
    NotFound,
    RateLimited,
    RestError,
    SourceUnavailable,
    UnexpectedBody,
)
from include.site_outages.krakenflex import PATH, Krakenflex

CALLS = {
    "outages": lambda api: api.outages(),
    "site": lambda api: api.site("no-outages"),
    "post": lambda api: api.post("no-outages", b"[]"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class Scripted(http.server.BaseHTTPRequestHandler):
    """Answers what its server says next, and keeps what was asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        status, headers, body = self.server.answer
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def scripted() -> Iterator[http.server.ThreadingHTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    server.asked, server.answer = [], (200, {}, b"{}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def scripted_api(scripted) -> Krakenflex:
    return Krakenflex(f"http://127.0.0.1:{scripted.server_port}", "local-key", attempts=2)


def test_what_is_said_comes_with_its_source_and_age(api: Krakenflex) -> None:
    """All outages, and a site: the bytes, whose they are, and when."""
    outages, site = api.outages(), api.site("kingfisher")
    assert len(json.loads(outages.content)) > 100
    assert json.loads(site.content)["name"] == "KingFisher"
    assert outages.publisher == site.publisher == "made-up:7"
    assert outages.answered_at.endswith("Z")


def test_the_path_of_the_api_may_be_in_the_host(recalls_url: str, replica: Control) -> None:
    """It is asked once, not twice."""
    for host in (f"{recalls_url}{PATH}", f"{recalls_url}{PATH}/", f"{recalls_url}/"):
        Krakenflex(host, "local-key").outages()
    assert {asked.path for asked in replica.requests} == {f"{PATH}/outages"}


def test_a_site_is_one_part_of_the_path(api: Krakenflex, replica: Control) -> None:
    """Whatever is asked for, no other address is."""
    with pytest.raises(NotFound):
        api.site("../outages")
    assert replica.requests[-1].path.startswith(f"{PATH}/site-info/")


@every_call
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("500", {}),
        ("503", {}),
        ("429", {}),
        ("429", {"retry_after": 7}),
        ("html", {}),
        ("cut", {}),
        ("refused", {}),
        ("202", {}),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "-".join(value),
)
def test_what_may_pass_is_asked_again(api, replica, waits, call, kind, options) -> None:
    """Each call gets over each trouble that comes twice; Retry-After is kept to."""
    replica.fault(kind, times=2, **options)
    call(api)
    assert len(replica.requests) == 3
    assert len(waits) == 2
    if options:
        assert min(waits) >= 7


@every_call
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", SourceUnavailable),
        ("429", RateLimited),
        ("html", UnexpectedBody),
        ("cut", SourceUnavailable),
        ("refused", SourceUnavailable),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_does_not_pass_is_told_after_five_tries(api, replica, call, kind, error) -> None:
    """The error names the address, and that it was tried five times."""
    replica.fault(kind, times=None)
    with pytest.raises(error, match=r"interview-tests-mock-api/v1/.+\(after 5 attempts\)"):
        call(api)
    assert len(replica.requests) == 5


@every_call
def test_a_500_now_and_then_is_nothing(api, replica, call) -> None:
    """Every second call fails, and each is made in the end."""
    replica.krakenflex.dials.fails_every = 2
    for _ in range(3):
        call(api)


@every_call
def test_a_wrong_key_fails_at_once_and_is_not_shown(recalls_url, replica, call, caplog) -> None:
    """One request; the error says which password to correct, and keeps it to itself."""
    caplog.set_level("DEBUG")
    with pytest.raises(AuthError, match="password of the connection `krakenflex_api`") as told:
        call(Krakenflex(recalls_url, "not-the-key"))
    assert "403: Forbidden" in str(told.value)
    assert "not-the-key" not in str(told.value) + caplog.text
    assert len(replica.requests) == 1


@pytest.mark.parametrize(
    "call", [lambda api: api.site("nowhere"), lambda api: api.post("nowhere", b"[]")]
)
def test_an_unknown_site_fails_at_once(api, replica, call) -> None:
    """One request; the error names the site and the param."""
    with pytest.raises(
        NotFound, match="Is there a site `nowhere`? The param `site_id`".replace("?", r"\?")
    ):
        call(api)
    assert len(replica.requests) == 1


def test_a_host_that_is_another_fails_at_once(scripted, scripted_api) -> None:
    """Where there is no such path, the error says which host is meant."""
    scripted.answer = (404, {}, b"")
    with pytest.raises(NotFound, match=r"connection `krakenflex_api`, which is api\.krakenflex"):
        scripted_api.outages()


def test_a_payload_that_is_not_right_fails_at_once(api, replica) -> None:
    """One request; the error says that nothing was taken and what to do."""
    with pytest.raises(BadRequest, match=r"nothing was published\. Start a new run"):
        api.post("no-outages", b'[{"id": "x"}]')
    assert len(replica.requests) == 1


@pytest.mark.parametrize("body", [b"{}", b"null", b'"x"', b"", b"[", b'{"outages": []}', b"\xff[]"])
def test_no_list_of_outages(scripted, scripted_api, body) -> None:
    """Another shape is asked for again, and told."""
    scripted.answer = (200, {"Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, body)
    with pytest.raises(UnexpectedBody, match=r"/outages .+ \(after 2 attempts\)"):
        scripted_api.outages()


@pytest.mark.parametrize(
    "site",
    [[], None, {}, {"id": "kingfisher"}, {"id": "kingfisher", "devices": {}}, {"devices": []}],
    ids=str,
)
def test_no_site(scripted, scripted_api, site) -> None:
    """So is a site without a list of devices, or another one than was asked for."""
    body = json.dumps(site).encode()
    scripted.answer = (200, {"Date": "Sat, 21 Nov 2026 10:00:00 GMT"}, body)
    with pytest.raises(UnexpectedBody, match="site"):
        scripted_api.site("kingfisher")


def test_an_answer_of_no_age_is_not_taken(scripted, scripted_api) -> None:
    """Without a Date nobody knows which of two reads is the later one."""
    scripted.answer = (200, {}, b"[]")
    with pytest.raises(UnexpectedBody, match="without a Date"):
        scripted_api.outages()
    assert scripted_api.post("x", b"[]") is None


def test_the_payload_travels_as_the_bytes_it_is(scripted, scripted_api) -> None:
    """What was hashed is what is sent, in order, letter by letter."""
    payload = json.dumps([{"id": "é\ud800", "name": "B", "begin": "", "end": None}, {}]).encode()
    scripted_api.post("kingfisher", payload)
    scripted_api.post("kingfisher", payload)
    assert scripted.asked == [(f"{PATH}/site-outages/kingfisher", "application/json", payload)] * 2


def test_a_post_is_not_sent_on(scripted, scripted_api, recalls_url) -> None:
    """A redirect is an error: nobody else is to get outages and key."""
    scripted.answer = (307, {"Location": recalls_url}, b"")
    with pytest.raises(RestError):
        scripted_api.post("kingfisher", b"[]")
    assert len(scripted.asked) == 1
