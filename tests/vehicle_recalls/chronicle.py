"""A lake whose story is known: five recalls and three reads after the baseline, written by hand."""

from __future__ import annotations

from typing import Any

from include.first.lake import Lake
from include.vehicle_recalls.ledger import bring_to_head
from tests.vehicle_recalls.evidence import Row, a_row, land_rows, publish_landed

FORD, ACME, KIA = "Ford Motor Company", "Acme Trailers", "Kia America"
BASELINE, FIRST, SECOND, THIRD = (
    "2026-06-28T09:30:43Z",
    "2026-06-29T09:30:43Z",
    "2026-07-05T00:00:00Z",
    "2026-10-10T09:30:43Z",
)
RISING, RENAMED, RETURNING, GONE, QUIET, LATE = (f"19V{number:06}" for number in range(1, 7))


def rows() -> dict[str, Row]:
    """The baseline."""
    return {
        RISING: a_row(1, manufacturer=FORD, subject="Hose", completion_rate="61.5"),
        RENAMED: a_row(2, manufacturer=ACME, completion_rate="20", component=None),
        RETURNING: a_row(3, manufacturer=KIA, completion_rate="80"),
        GONE: a_row(4, manufacturer="FORD OF EUROPE", completion_rate=None),
        QUIET: a_row(5, manufacturer=KIA, completion_rate="10", potentially_affected="2000"),
    }


def write_chronicle(lake: Lake) -> None:
    """Four versions and their ledger; each read sees one day more of the story."""
    now = rows()
    _publish(lake, now, BASELINE)

    _edit(now, RISING, completion_rate="70", do_not_drive="No")
    _edit(now, RENAMED, mfr_campaign_number="", completion_rate="15")
    returning = now.pop(RETURNING)
    now[LATE] = a_row(6, manufacturer=KIA, subject="New", completion_rate=None)
    _publish(lake, now, FIRST)

    _edit(now, RENAMED, manufacturer="Ford Trailers", completion_rate=None)
    _edit(now, RISING, report_received_date="2020-01-02T00:00:00.000", completion_rate="75.25")
    _edit(now, LATE, completion_rate="5", potentially_affected="300")
    del now[GONE]
    _publish(lake, now, SECOND)

    now[RETURNING] = returning
    _edit(now, QUIET, subject="A bell \x07 rings")
    _publish(lake, now, THIRD)


def _edit(now: dict[str, Row], key: str, **changes: Any) -> None:
    changed = now[key] | changes
    now[key] = {name: value for name, value in changed.items() if value is not None}


def _publish(lake: Lake, now: dict[str, Row], refreshed: str) -> None:
    publish_landed(lake, land_rows(lake, list(now.values()), refreshed=refreshed))
    bring_to_head(lake)
