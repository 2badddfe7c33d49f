"""A lake on top of a lake: what is written stays there, what is read shines through."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from include.first.lake import Head, Lake, LakeError
from include.first.overlay import Overlay
from tests.vehicle_recalls.evidence import listing

TABLE = "things/table"


@pytest.fixture
def pinned(lake: Lake) -> Head:
    """A table's head as it was before the commit that followed."""
    head = lake.create(TABLE, pa.schema([("year", pa.int32())]), partition_by="year")
    lake.commit(TABLE, head, [], [], {"token": "later"})
    return head


@pytest.fixture
def overlay(lake: Lake, pinned: Head) -> Overlay:
    return Overlay(lake, pinned)


def test_what_is_written_stays_in_memory(lake: Lake, overlay: Overlay):
    """It can be read back here, over what the bucket has, and the bucket never knows."""
    lake.put("a", b"of the bucket")
    lake.put("b", b"of the bucket")
    before = listing(lake)
    overlay.put("b", b"of the overlay")
    overlay.put("c", b"of the overlay")
    assert [overlay.get(key) for key in "abc"] == [b"of the bucket"] + 2 * [b"of the overlay"]
    assert listing(lake) == before


def test_the_pinned_table_stands_still(lake: Lake, overlay: Overlay, pinned: Head):
    """Its head is the one given, whatever was committed since; other versions are as they are."""
    assert overlay.head(TABLE) is pinned
    assert overlay.head(TABLE, at=1).receipt == {"token": "later"}
    assert lake.head(TABLE).version == 1
    assert overlay.head("things/ledger").version == -1


@pytest.mark.parametrize(
    "change",
    [
        lambda lake, head: lake.commit(TABLE, head, [], [], {}),
        lambda lake, _: lake.create("more/table", pa.schema([("year", pa.int32())])),
        lambda lake, _: lake.project("a", b"", {}),
        lambda lake, _: lake.project_copy("a", "b", {}),
        lambda lake, _: lake.delete("a"),
    ],
)
def test_what_cannot_stay_in_memory_is_refused(
    lake: Lake, overlay: Overlay, pinned: Head, change: Callable[[Lake, Head], object]
):
    """A commit, a table, a projection and a deletion end in one line, and change nothing."""
    lake.put("a", b"of the bucket")
    before = listing(lake)
    with pytest.raises(LakeError, match="only looked at here"):
        change(overlay, pinned)
    assert listing(lake) == before
