"""A scripted story of a source of 2,600 recalls, and the facts that each step leaves in a bucket.

    python -m tests.end_to_end.story        # records tests/end_to_end/story_facts.json anew

The rows are those of the local API on some days, and what the script does to them. The recorded
facts are the contract with readers: a difference is a bug, or a decision in docs/decisions/.
"""

import hashlib
import json
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import requests

from fakes.app import create_app
from fakes.serve import serving
from local.s3_engine import running_s3
from tests.end_to_end import house
from tests.end_to_end.bucket import Bucket
from tests.recalls_source import DATASET, DATE, RecallsSource, Row, recalls_source

FACTS = Path(__file__).with_name("story_facts.json")
ROWS, SEED, FIRST_YEAR = 3_500, 1, 2000  # older years are left out: each costs some requests
BATCH_ROWS, PAGE_ROWS = 1_000, 400  # so that there are several of each
SMALL = {"rows per year": "a small source", "rows in total": "a small source"}
DIRTY = SMALL | {"quarantine": "a small source"}
ABSENT = "absent"
ROW_IDS = {":id", ":version"}
Rows = list[Row]
SetDay = Callable[[int, Sequence[dict[str, Any]]], None]


@dataclass(frozen=True)
class Step:
    name: str
    day: int = 1  # of the local API
    dirt: Sequence[dict[str, Any]] = ()
    script: Callable[[Rows], Rows] = lambda rows: rows
    years: Sequence[int] = ()
    waive: dict[str, str] = field(default_factory=lambda: SMALL)
    replay: str | None = None  # the step whose read is replayed
    dry_run: bool = False
    contract: str | None = None


def _dirt(which: str, year: int, rows: int = 2) -> dict[str, Any]:
    return {"which": which, "year": year, "rows": rows}


BAD_DATES = [_dirt("bad_date", 2019), _dirt("missing_date", 2004)]
BAD_VALUES = [
    _dirt("wrong_type", 2021),
    _dirt("negative_number", 2011),
    _dirt("completion_over_100", 2022),
]
SPELLINGS = [_dirt("link_as_string", 2008, 3), _dirt("json_number", 2023, 3)]


def _of(rows: Rows, year: int) -> Rows:
    """The rows of a year, in the order of their keys."""
    found = [row for row in rows if row.get(DATE, "").startswith(f"{year}-")]
    return sorted(found, key=lambda row: row["nhtsa_id"])


def _in(row: Row, year: int) -> Row:
    return row | {DATE: f"{year}-07-01T00:00:00.000"}


def _without(rows: Rows, gone: Rows) -> Rows:
    keys = {row["nhtsa_id"] for row in gone}
    return [row for row in rows if row.get("nhtsa_id") not in keys]


def copied_to_another_year(rows: Rows) -> Rows:
    """Three recalls of 2010 come a second time, in years of two other batches."""
    first, second, third = _of(rows, 2010)[:3]
    copies = [_in(first, 2003), _in(second, 2021), _in(third, 2021)]
    return rows + [row | {":id": f"copy-{number}"} for number, row in enumerate(copies)]


def moved_from_2012_to_2017(rows: Rows) -> Rows:
    moving = _of(rows, 2012)[:2]
    return _without(rows, moving) + [_in(row, 2017) for row in moving]


def one_moved_and_broken(rows: Rows) -> Rows:
    """One recall moves to 2018, another goes, a third is broken where it moves to."""
    moving, gone, broken = _of(rows, 2013)[:3]
    moved = [_in(moving, 2018), _in(broken, 2018) | {"potentially_affected": "-5"}]
    return _without(rows, [moving, gone, broken]) + moved


def without_2001(rows: Rows) -> Rows:
    return _without(rows, _of(rows, 2001))


def without_a_twentieth(rows: Rows) -> Rows:
    return [row for number, row in enumerate(rows) if number % 20]


def odd_texts(rows: Rows) -> Rows:
    """An empty text is no null; a blank, a quotation and what is not ASCII stay as they are."""
    odd = ["", " ", 'a "quoted" text', "Ünïcode \U0001f697 ", "null", "two\nlines"]
    edited = [row | {"subject": text} for row, text in zip(_of(rows, 2016), odd, strict=False)]
    return _without(rows, edited) + edited


STEPS = [
    Step("first read"),
    Step("unchanged day"),
    Step("day 2", 2),
    Step("day 3, with odd texts", 3, script=odd_texts),
    Step("day 4 as a dry run", 4, dry_run=True),
    Step("some years of day 4", 4, years=(2014, 2019, 2020, 2021)),
    Step("day 4", 4),
    Step("bad and missing dates", 5, BAD_DATES, waive=DIRTY),
    Step("the same dirt the day after", 6, BAD_DATES, waive=DIRTY),
    Step(
        "a missing key: nothing can be called gone", 7, [_dirt("missing_key", 2020, 1)], waive=DIRTY
    ),
    Step("values of wrong types and out of range", 8, BAD_VALUES, waive=DIRTY),
    Step("other spellings that are right", 9, SPELLINGS),
    Step("a duplicate in one batch", 10, [_dirt("duplicate_key", 2015)], waive=DIRTY),
    Step("duplicates in two batches", 11, script=copied_to_another_year, waive=DIRTY),
    Step("years of the duplicates", 11, script=copied_to_another_year, years=(2003, 2021)),
    Step("where moved rows are now", 12, script=moved_from_2012_to_2017, years=(2017,)),
    Step("where they were", 12, script=moved_from_2012_to_2017, years=(2012,)),
    Step("the move in a full read", 12, script=moved_from_2012_to_2017),
    Step("years of the broken", 13, script=one_moved_and_broken, years=(2013, 2018), waive=DIRTY),
    Step("moved, gone and broken", 13, script=one_moved_and_broken, waive=DIRTY),
    Step("a year that vanishes", 14, script=without_2001),
    Step("the year is back", 14),
    Step("a twentieth is gone", 15, script=without_a_twentieth, waive={}),
    Step("a twentieth is gone and that is right", 15, script=without_a_twentieth),
    Step("it is back", 15),
    Step("too much dirt", 16, [_dirt("wrong_type", 2021, 40)]),
    Step("the newest read once more", replay="it is back"),
    Step("an old read once more", replay="day 2"),
    Step("a part under another contract", 16, years=(2020,), contract="2"),
    Step("another contract", 16, contract="2"),
    Step("a day under the other contract", 17, contract="2"),
]


Told = Iterator[tuple[Step, dict[str, Any]]]


def play(api_url: str, set_day: SetDay, bucket: Bucket) -> Told:
    """Every step in turn, and what it changed in the bucket."""
    reads: dict[str, str] = {}
    before: dict[str, dict[str, str]] = {}
    with recalls_source(seed=SEED) as source, house.batches_of(BATCH_ROWS):
        for step in STEPS:
            rows: Rows = []
            if not step.replay:
                set_day(step.day, step.dirt)
                rows = step.script(_rows_at(api_url))
                source.publish(rows)
            known = len(house.versions(bucket))
            with ExitStack() as stack:
                if step.contract:
                    stack.enter_context(house.contract_version(step.contract))
                told = _run(source, bucket, step, reads)
            reads[step.name] = told.pop("read_id", "")
            state = _state(bucket)
            yield (
                step,
                {
                    "source": _hash_of_source(rows),
                    **told,
                    **_differences(before, state),
                    "ledger": _ledger(bucket, known),
                    "quarantine": _quarantine(bucket, reads[step.name]),
                },
            )
            before = state


def _run(
    source: RecallsSource, bucket: Bucket, step: Step, reads: dict[str, str]
) -> dict[str, Any]:
    replayed = f"raw:{reads[step.replay]}" if step.replay else "api"
    try:
        told = house.run(
            source.url,
            bucket,
            step.years,
            source=replayed,
            dry_run=step.dry_run,
            waive=step.waive,
            page_rows=PAGE_ROWS,
        )
    except house.PermanentError as error:
        return {"refused": house.failed_checks(error)}
    return {
        "read_id": told["read_id"],
        "committed": told["version"] is not None,
        "counts": told["counts"],
        "waived": told["waived"],
    }


def _rows_at(api_url: str) -> Rows:
    """Dirt included; what has no date that can be read is of the years that stay."""
    answer = requests.get(
        f"{api_url}/resource/{DATASET}.json",
        params={"$select": ":*,*", "$order": "nhtsa_id,:id", "$limit": "50000"},
        timeout=60,
    )
    return [row for row in answer.json() if row.get(DATE, "x") >= str(FIRST_YEAR)]


def _hash_of_source(rows: Rows) -> str:
    """Without the row ids that the local API gives to copies of a row as it likes."""
    kept = [{name: v for name, v in row.items() if name not in ROW_IDS} for row in rows]
    return _hash(json.dumps(kept, sort_keys=True))


def _state(bucket: Bucket) -> dict[str, dict[str, str]]:
    return {
        "years": {str(year): hash_of(table) for year, table in house.read_years(bucket).items()},
        "aggregations": {n: hash_of(table) for n, table in house.aggregations(bucket).items()},
    }


def hash_of(table: pa.Table) -> str:
    """Of the columns with their types and of the rows in their order; never of bytes."""
    schema = [[f.name, str(f.type), f.nullable] for f in table.schema]
    rows = [list(row.values()) for row in table.to_pylist()]
    return _hash(json.dumps([schema, rows], default=str))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _differences(
    before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """What has other rows than before, by name."""
    found = {}
    for kind, hashes in after.items():
        known = before.get(kind, {})
        names = sorted({*hashes, *known})
        found[kind] = {n: hashes.get(n, ABSENT) for n in names if hashes.get(n) != known.get(n)}
    return found


def _ledger(bucket: Bucket, known: int) -> dict[str, Any]:
    """How many recalls had which event in the versions of this step, and all of their fields."""
    rows = [
        row
        for version, _ in house.versions(bucket)[known:]
        for row in house.ledger_rows(bucket, version)
    ]
    events = {(row["event"], row["nhtsa_id"]) for row in rows}
    texts = [[row[name] for name in house.LEDGER_COLUMNS] for row in rows]
    return {
        "recalls": dict(sorted(Counter(e for e, _ in events).items())),
        "rows": _hash(json.dumps(texts)),
    }


def _quarantine(bucket: Bucket, read_id: str) -> list[list[Any]]:
    if not read_id:
        return []
    rows = house.quarantine_rows(bucket, read_id)
    return sorted([[row["nhtsa_id"] or "", row["columns"]] for row in rows])


@contextmanager
def playing(s3_url: str) -> Iterator[tuple[Bucket, Told]]:
    """The story in a bucket of its own, told by the step."""
    app = create_app(rows=ROWS, seed=SEED)
    control = app.state.control

    def set_day(day: int, dirt: Sequence[dict[str, Any]]) -> None:
        control.faults.clear()
        control.day = day
        for options in dirt:
            control.fault("dirty", **options)

    with serving(app) as api_url:
        bucket = Bucket.open(s3_url, f"story-{uuid.uuid4().hex[:12]}")
        bucket.s3.create_bucket(Bucket=bucket.name)
        yield bucket, play(api_url, set_day, bucket)


def record() -> None:
    facts = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_s3(Path(folder)) as s3_url,
        playing(s3_url) as (_, steps),
    ):
        for step, found in steps:
            facts[step.name] = found
            print(step.name, found.get("counts", ""), found.get("refused", ""), flush=True)
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in facts.items()]
    FACTS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
