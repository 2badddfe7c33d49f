"""The VIN service as the pipeline asks it: what it takes for an export, and what it repeats."""

from __future__ import annotations

import pytest

from include.first.rest import AuthError, RestError, SourceUnavailable, UnexpectedBody
from include.vin_snapshots.vin_api import VinApi
from tests.vin_snapshots.stub import Stub, parquet, table, vehicle

JSON, HTML, PARQUET = "application/json", "text/html", "application/vnd.apache.parquet"


def test_an_export_is_taken_as_it_is(stub: Stub, api: VinApi) -> None:
    """The bytes are the service's own; source and time come with them."""
    stub.date = "Sat, 21 Nov 2026 12:00:00 GMT"
    export = api.export()
    assert export.body == stub.body
    assert export.source == "made-up:7"
    assert export.answered_at == "2026-11-21T12:00:00Z"
    assert stub.asked == [("/export", None)]


def test_an_export_without_vehicles_has_no_source(stub: Stub, api: VinApi) -> None:
    """The service does not say which vehicles it would have."""
    stub.has([])
    assert api.export().source == ""


def test_a_key_goes_into_its_header(stub: Stub) -> None:
    """With the right key the export is given; without one it is refused once, for good."""
    stub.key = "a-key-of-some-length"
    assert VinApi(stub.url, stub.key).export().body == stub.body
    with pytest.raises(AuthError):
        VinApi(stub.url).export()
    assert [key for _, key in stub.asked] == [stub.key, None]


def test_a_key_is_never_shown(stub: Stub, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a log nor an error shows the key, even when the service repeats it."""
    caplog.set_level("DEBUG")
    key = "a-key-of-some-length"
    stub.faults = [(401, JSON, f'{{"message": "{key} is wrong"}}'.encode())]
    with pytest.raises(AuthError) as error:
        VinApi(stub.url, key).export()
    assert "***" in str(error.value)
    assert key not in str(error.value) + caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        (503, JSON, b'{"detail": "other exports are under way"}'),
        (500, JSON, b"{}"),
        (200, HTML, b"<html>down for maintenance</html>"),
        (200, PARQUET, b""),
        (200, PARQUET, b"PAR1"),
        (200, PARQUET, b"PAR1 and no more than that PAR1"),
        (200, JSON, b'{"vehicles": []}'),
    ],
    ids=["503", "500", "html", "empty", "tiny", "garbage", "json"],
)
def test_what_is_no_export_is_asked_for_again(
    stub: Stub, api: VinApi, waits: list[float], fault: tuple[int, str, bytes]
) -> None:
    """An answer that is not a whole Parquet file is never taken for one."""
    stub.faults = [fault]
    assert api.export().body == stub.body
    assert len(waits) == 1


def test_a_cut_export_is_asked_for_again(stub: Stub, api: VinApi) -> None:
    """A file without its end is not taken, wherever it is cut."""
    whole = parquet(table([vehicle(number) for number in range(50)]))
    stub.faults = [(200, PARQUET, whole[:-cut]) for cut in (1, 4, len(whole) // 2)]
    assert api.export().body == stub.body
    assert len(stub.asked) == 4


def test_giving_up_is_one_line(stub: Stub) -> None:
    """After the last attempt the error says what, where and what to do."""
    stub.faults = [(503, JSON, b"{}")] * 9
    with pytest.raises(SourceUnavailable, match=r"/export is not available .+ \(after 3 attempts"):
        VinApi(stub.url, attempts=3).export()


def test_an_export_of_unknown_age_is_refused(stub: Stub) -> None:
    """Without a Date nobody could say which of two exports is the later one."""
    stub.says_date = False
    with pytest.raises(UnexpectedBody, match="without a Date"):
        VinApi(stub.url, attempts=1).export()


def test_access_is_checked_without_an_export(stub: Stub) -> None:
    """Two cheap questions, of which the second needs the key."""
    stub.key = "a-key-of-some-length"
    VinApi(stub.url, stub.key).check_access()
    assert [path for path, _ in stub.asked] == ["/healthz", "/lookup/-"]
    with pytest.raises(AuthError):
        VinApi(stub.url).check_access()


@pytest.mark.parametrize(
    "faults",
    [
        [(200, JSON, b"[]")],
        [(200, JSON, b'{"status": "ok"}'), (404, JSON, b'{"detail": "Not Found"}')],
        [(404, JSON, b"{}")],
    ],
    ids=["a list", "another service", "nothing there"],
)
def test_another_service_is_not_taken_for_this_one(
    stub: Stub, faults: list[tuple[int, str, bytes]]
) -> None:
    """What answers otherwise than the VIN service is told apart."""
    stub.faults = faults
    with pytest.raises(RestError):
        VinApi(stub.url, attempts=1).check_access()
