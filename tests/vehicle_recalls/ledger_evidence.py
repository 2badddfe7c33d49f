"""What a test of the ledger looks at: its rows as a stranger reads them, its commits, its days."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from deltalake import DeltaTable

from include.first.lake import Lake
from include.vehicle_recalls.batches import BatchRef
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.publish import Published
from tests.vehicle_recalls.evidence import KEYS, Row, a_read, a_row, land_rows, publish_landed

LOG = f"{KEYS.ledger}/_delta_log/"
Event = tuple[int, str, str, int, str, str | None, str | None]
# A row of `a_row`, as the ledger tells it: every text is spelled here, none is computed.
TEXTS = {
    "report_received_date": "2019-03-04",
    "nhtsa_id": "19V000001",
    "recall_link": "https://www.nhtsa.gov/recalls?nhtsaId=19V000001",
    "manufacturer": "Ford Motor Company",
    "subject": "Brake hose may crack",
    "component": "SERVICE BRAKES, HYDRAULIC",
    "mfr_campaign_number": "19S01",
    "recall_type": "Vehicle",
    "potentially_affected": "100",
    "defect_summary": "It cracks.  It leaks.",
    "consequence_summary": "A crash.",
    "corrective_action": "A new hose.",
    "fire_risk_when_parked": "false",
    "do_not_drive": "true",
    "completion_rate": "61.5",
}


def moment(day: int) -> str:
    return f"2026-07-{day:02}T09:30:43Z"


def a_day(lake: Lake, day: int, *rows: Row, years: Iterable[int] = ()) -> Published:
    """The source of this day, read and committed; the ledger is left as it is."""
    years = sorted(years)
    batch = None
    if years:
        batch = BatchRef(label="some", first=years[0], last=years[-1], undated=False)
    read = a_read(lake, years)
    landed = land_rows(lake, list(rows), read=read, batch=batch, refreshed=moment(day))
    return publish_landed(lake, landed)


def row_in(year: int, number: int, **changes: Any) -> Row:
    return a_row(number, report_received_date=f"{year}-03-04T00:00:00.000", **changes)


def table_of(lake: Lake) -> DeltaTable:
    """The ledger through Delta Lake and nothing of ours."""
    return DeltaTable(f"s3://{lake.bucket}/{KEYS.ledger}", storage_options=lake.storage_options)


def ledger_rows(lake: Lake) -> list[Row]:
    rows: list[Row] = table_of(lake).to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: (row["version"], row["nhtsa_id"], row["field"]))


def told(lake: Lake) -> list[Event]:
    """Version, event, key, year, field, old, new of each row."""
    names = ("version", "event", "nhtsa_id", "year", "field", "old", "new")
    return [tuple(row[name] for name in names) for row in ledger_rows(lake)]


def whole_row(event: str, version: int, number: int = 1, **changes: str | None) -> list[Event]:
    """The rows of a campaign that comes or goes whole."""
    key = f"19V{number:06}"
    link = {"nhtsa_id": key, "recall_link": f"https://www.nhtsa.gov/recalls?nhtsaId={key}"}
    texts = {name: text for name, text in (TEXTS | link | changes).items() if text is not None}
    year = int((texts["report_received_date"] or "")[:4])
    sides = {
        name: (text, None) if event == "retracted" else (None, text) for name, text in texts.items()
    }
    return [(version, event, key, year, name, *sides[name]) for name in sorted(texts)]


def commits(lake: Lake) -> list[int]:
    """Which version of the table each commit of the ledger tells of, in order, twice if twice."""
    found = []
    for key in sorted(lake.keys(LOG)):
        if not key.endswith(".json"):
            continue
        actions = [json.loads(line) for line in lake.get(key).splitlines()]
        numbers = [action["txn"]["version"] for action in actions if "txn" in action]
        receipts = [
            json.loads(action["commitInfo"]["receipt"])["version"]
            for action in actions
            if "receipt" in action.get("commitInfo", {})
        ]
        assert numbers == receipts, key
        found += numbers
    return found


def snapshot(lake: Lake, prefix: str = "") -> dict[str, bytes]:
    keys = list(lake.keys(prefix))
    return dict(zip(keys, lake.at_once(lake.get, keys), strict=True))


def restore(lake: Lake, objects: dict[str, bytes]) -> None:
    """Objects as they were, over what is there."""
    lake.at_once(lambda item: lake.project(*item, {}), objects.items())


def remove(lake: Lake, prefix: str) -> None:
    lake.at_once(lake.delete, list(lake.keys(prefix)))


def table_facts(lake: Lake, version: int | None = None) -> dict[str, tuple[int, Row]]:
    """Each campaign of a version with its year and its facts, through Delta Lake alone."""
    uri = f"s3://{lake.bucket}/{KEYS.table}"
    rows = DeltaTable(uri, version, storage_options=lake.storage_options).to_pyarrow_table()
    return {
        row["nhtsa_id"]: (row["year"], {name: row[name] for name in CONTRACT.business_columns})
        for row in rows.to_pylist()
    }
