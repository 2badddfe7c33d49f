"""The KrakenFlex client: requests, retries and error messages."""

import json
from email.utils import formatdate

import pytest

from fakes.control import Control
from include.http.errors import (
    AuthError,
    BadRequest,
    NotFound,
    RateLimited,
    SourceUnavailable,
    UnexpectedBody,
)
from include.site_outages.client import PATH, KrakenFlex
from include.site_outages.pipeline import extract
from tests.http.raw_server import message
from tests.pipelines.site_outages.conftest import SINCE

CALLS = {
    "outages": lambda api: api.outages(),
    "site": lambda api: api.site("no-outages"),
    "post": lambda api: api.post_outages("no-outages", b"[]"),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def dated(body: bytes) -> bytes:
    return message(body, Date=formatdate(usegmt=True))


@pytest.fixture
def scripted_api(scripted) -> KrakenFlex:
    return KrakenFlex(scripted.url, "local-key", attempts=2)


def test_site_id_is_escaped_in_the_path(api: KrakenFlex, replica: Control) -> None:
    with pytest.raises(NotFound):
        api.site("../outages")
    assert replica.requests[-1].path.startswith(f"{PATH}/site-info/")


@every_call
@pytest.mark.parametrize(
    ("kind", "error"), [("500", SourceUnavailable), ("429", RateLimited), ("html", UnexpectedBody)]
)
def test_failure_is_retried_and_reported_in_one_line(
    api, replica, waits, call, kind, error
) -> None:
    replica.fault(kind, times=2)
    call(api)
    assert len(replica.requests) == 3
    assert len(waits) == 2
    replica.fault(kind, times=None)
    with pytest.raises(error, match=r"interview-tests-mock-api/v1/.+\(after 5 attempts\)$"):
        call(api)


@every_call
def test_wrong_key_fails_without_retry_and_is_not_shown(recalls_url, replica, call, caplog) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(AuthError, match="password of the connection `krakenflex_api`") as caught:
        call(KrakenFlex(recalls_url, "not-the-key"))
    assert "403: Forbidden" in str(caught.value)
    assert "not-the-key" not in str(caught.value) + caplog.text
    assert len(replica.requests) == 1


@pytest.mark.parametrize(
    "call", [lambda api: api.site("nowhere"), lambda api: api.post_outages("nowhere", b"[]")]
)
def test_unknown_site_fails_without_retry_and_names_the_param(api, replica, call) -> None:
    with pytest.raises(NotFound, match=r"/nowhere does not exist .+ Check the param `site_id`"):
        call(api)
    assert len(replica.requests) == 1


def test_refused_payload_fails_without_retry(api, replica) -> None:
    with pytest.raises(BadRequest, match=r"nothing was published\. Start a new run"):
        api.post_outages("no-outages", b'[{"id": "x"}]')
    assert len(replica.requests) == 1


@pytest.mark.parametrize("body", [b"{}", b"null", b'"x"', b"", b"[", b"\xff[]", b'["\\ud800"]'])
def test_answer_that_is_not_a_list_of_outages_is_refused(scripted, scripted_api, body) -> None:
    scripted.answers = [dated(body)]
    with pytest.raises(UnexpectedBody, match=r"/outages .+ \(after 2 attempts\)"):
        scripted_api.outages()


@pytest.mark.parametrize(
    "site",
    [[], None, {}, {"id": "kingfisher"}, {"id": "kingfisher", "devices": {}}, {"devices": []}],
    ids=str,
)
def test_answer_that_is_not_the_requested_site_is_refused(scripted, scripted_api, site) -> None:
    scripted.answers = [dated(json.dumps(site).encode())]
    with pytest.raises(UnexpectedBody, match="site"):
        scripted_api.site("kingfisher")


@pytest.mark.parametrize("date", [None, "Sat, 21 Nov 2020 10:00:00 GMT"])
def test_answer_with_missing_or_wrong_date_is_not_landed(
    scripted, scripted_api, store, date
) -> None:
    """A post succeeds, because KrakenFlex has accepted it."""
    date = {"Date": date} if date else {}
    site = json.dumps({"id": "kingfisher", "devices": []}).encode()
    scripted.answers = [message(b"[]", **date), message(site, **date)]
    with pytest.raises(UnexpectedBody, match=r"Date header|answered on 2020-11-21"):
        extract(scripted_api, store, "kingfisher", SINCE, "run 1")
    assert store.list("") == {}
    answered_at = scripted_api.post_outages("x", b"[]")
    assert answered_at == ("2020-11-21T10:00:00Z" if date else "")


def test_payload_is_sent_as_the_hashed_bytes(scripted, scripted_api) -> None:
    payload = json.dumps([{"id": "é", "name": "B", "begin": "", "end": None}, {}]).encode()
    scripted_api.post_outages("kingfisher", payload)
    ((path, headers, body),) = scripted.requests
    assert path == f"POST {PATH}/site-outages/kingfisher"
    assert (headers["Content-Type"], body) == ("application/json", payload)
