"""The client of the VIN service: valid exports, retries and refusals."""

import gzip

import pytest

from include.http.errors import AuthError, HttpError, UnexpectedBody
from include.vin_snapshots.client import VinService
from tests.http.raw_server import message
from tests.pipelines.vin_snapshots.stub import Stub, export_message, parquet, table, vehicle

KEY = "a-key-of-some-length"


def test_export_keeps_bytes_publisher_and_date(stub: Stub, api: VinService) -> None:
    export = api.export()
    assert gzip.decompress(export.gzipped) == stub.body
    assert export.publisher == "made-up:7"
    assert export.answered_at.endswith("Z")
    assert stub.asked == [("GET /export", None)]


def test_export_of_vehicles_without_publisher_is_refused(stub: Stub) -> None:
    stub.has([vehicle(1)], source=None)
    with pytest.raises(UnexpectedBody, match="sent vehicles without their source"):
        VinService(stub.url, attempts=1).export()


def test_refused_key_fails_without_retry_and_is_not_shown(
    stub: Stub, caplog: pytest.LogCaptureFixture
) -> None:
    """Even if the service quotes it."""
    caplog.set_level("DEBUG")
    stub.answers = [message(f'{{"message": "{KEY} is wrong"}}'.encode(), 401)]
    with pytest.raises(AuthError) as caught:
        VinService(stub.url, KEY).export()
    assert stub.asked == [("GET /export", KEY)]
    assert "***" in str(caught.value)
    assert KEY not in str(caught.value) + caplog.text


EXPORT = parquet(table([vehicle(number) for number in range(500)]))


@pytest.mark.parametrize(
    "answer",
    [
        message(b'{"detail": "other exports are running"}', 503),
        message(b"<html>down for maintenance</html>", Content_Type="text/html"),
        message(b'{"vehicles": []}'),
        *map(export_message, [b"", b"PAR1", b"PAR1 and no more than that PAR1"]),
        *(export_message(EXPORT[:-cut]) for cut in (1, 4, 2_000)),
    ],
    ids=["503", "html", "json", "empty", "tiny", "garbage", "cut 1", "cut 4", "cut 2,000"],
)
def test_invalid_export_is_requested_again(
    stub: Stub, api: VinService, waits: list[float], answer: bytes
) -> None:
    stub.export(EXPORT, answer)
    assert gzip.decompress(api.export().gzipped) == EXPORT
    assert len(waits) == 1


def test_export_without_a_date_is_refused(stub: Stub) -> None:
    stub.answers = [message(stub.body)]
    with pytest.raises(UnexpectedBody, match="no readable Date header"):
        VinService(stub.url, attempts=1).export()


def test_check_access_looks_up_an_invalid_vin(stub: Stub, api: VinService) -> None:
    stub.answers = [message(b'{"detail": "a VIN has 17 characters"}', 404)]
    api.check_access()
    assert stub.asked == [("GET /lookup/-", None)]


@pytest.mark.parametrize("body", [b'{"detail": "Not Found"}', b"[]"])
def test_check_access_refuses_another_service(stub: Stub, body: bytes) -> None:
    stub.answers = [message(body, 404)]
    with pytest.raises(HttpError, match="check that the host is a VIN service"):
        VinService(stub.url, attempts=1).check_access()
