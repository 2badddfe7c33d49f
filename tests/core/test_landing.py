"""A read lands its answers byte for byte and refuses mixed sources and wrong clocks."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from include.http.errors import UnexpectedBody
from include.http.response import Response
from include.lake.landing import RawPages, land_answers, read_page
from include.lake.reads import SourceMismatch
from include.lake.store import Damaged, Store
from tests.core.places import PLACES

NOW = datetime.now(UTC).replace(microsecond=0)


def answer(body: bytes = b"[]", *, late_s: int = 0, **headers: str) -> Response:
    date = format_datetime(NOW + timedelta(seconds=late_s), usegmt=True)
    return Response(200, "api.example", {"Date": date, **headers}, body, body)


def land(store: Store, *answers: Response, **options: Any) -> RawPages:
    return land_answers(store, PLACES, "places", "run 1", answers, covers={}, **options)


def test_land_answers_keeps_bytes_times_source_and_facts(store: Store) -> None:
    raw = land(store, answer(b"[1]", late_s=9), answer(b"[2]"), facts={"pages": 2})
    assert [read_page(store, page) for page in raw["pages"]] == [b"[1]", b"[2]"]
    began, answered = (
        datetime.fromisoformat(raw["moment"][n]) for n in ("began_at", "answered_at")
    )
    assert (began, answered) == (NOW, NOW + timedelta(seconds=9))
    assert raw["read"]["source"] == {"dataset": "places", "publisher": "official"}
    assert raw["facts"] == {"pages": 2}
    store.replace(raw["pages"][0]["key"], b"\x1f\x8b")
    with pytest.raises(Damaged, match="is damaged"):
        read_page(store, raw["pages"][0])


def test_land_answers_refuses_two_publishers(store: Store) -> None:
    with pytest.raises(SourceMismatch, match="are made-up:7 and official; nothing was published"):
        land(store, answer(), answer(**{"X-Made-Up": "seed=7"}))
    assert store.list("") == {}


def test_land_answers_refuses_a_date_years_ahead(store: Store) -> None:
    with pytest.raises(UnexpectedBody, match="2031-01-01"):
        land(store, answer(), answer(Date="Wed, 01 Jan 2031 00:00:00 GMT"))
    assert store.list("") == {}
