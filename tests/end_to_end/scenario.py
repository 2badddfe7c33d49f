"""A scenario of 2,600 recalls over several days, with the facts that each step leaves in a bucket.

    python -m tests.end_to_end.scenario        # records scenario_facts.json

The rows are those of the fake API, changed by the script of a step. The recorded facts are the
contract with readers: a difference is a bug, or needs a record in docs/decisions/.
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
from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket
from tests.recalls_source import DATASET, DATE, RecallsSource, Row, recalls_source

FACTS = Path(__file__).with_name("scenario_facts.json")
ROWS, SEED, FIRST_YEAR = 3_500, 1, 2000  # older years would cost more requests
BATCH_ROWS, PAGE_ROWS = 1_000, 400  # several per read
SMALL = {"rows per year": "a small source", "rows in total": "a small source"}
INVALID = SMALL | {"quarantine": "a small source"}
ABSENT = "absent"
ROW_IDS = {":id", ":version"}
Rows = list[Row]
SetDay = Callable[[int, Sequence[dict[str, Any]]], None]


@dataclass(frozen=True)
class Step:
    name: str
    day: int = 1  # of the fake API
    faults: Sequence[dict[str, Any]] = ()
    script: Callable[[Rows], Rows] = lambda rows: rows
    years: Sequence[int] = ()
    waive: dict[str, str] = field(default_factory=lambda: SMALL)
    replay: str | None = None  # the step whose read is replayed
    dry_run: bool = False
    contract: str | None = None


def _fault(which: str, year: int, rows: int = 2) -> dict[str, Any]:
    return {"which": which, "year": year, "rows": rows}


BAD_DATES = [_fault("bad_date", 2019), _fault("missing_date", 2004)]
BAD_VALUES = [
    _fault("wrong_type", 2021),
    _fault("negative_number", 2011),
    _fault("completion_over_100", 2022),
]
MISSING_KEY = [_fault("missing_key", 2020, 1)]
SPELLINGS = [_fault("link_as_string", 2008, 3), _fault("json_number", 2023, 3)]


def _of_year(rows: Rows, year: int) -> Rows:
    """The rows of a year, sorted by key."""
    found = [row for row in rows if row.get(DATE, "").startswith(f"{year}-")]
    return sorted(found, key=lambda row: row["nhtsa_id"])


def _moved_to(row: Row, year: int) -> Row:
    return row | {DATE: f"{year}-07-01T00:00:00.000"}


def _without(rows: Rows, removed: Rows) -> Rows:
    keys = {row["nhtsa_id"] for row in removed}
    return [row for row in rows if row.get("nhtsa_id") not in keys]


def copy_to_other_years(rows: Rows) -> Rows:
    """Copy three recalls of 2010 to years of two other batches."""
    first, second, third = _of_year(rows, 2010)[:3]
    copies = [_moved_to(first, 2003), _moved_to(second, 2021), _moved_to(third, 2021)]
    return rows + [row | {":id": f"copy-{number}"} for number, row in enumerate(copies)]


def move_from_2012_to_2017(rows: Rows) -> Rows:
    moving = _of_year(rows, 2012)[:2]
    return _without(rows, moving) + [_moved_to(row, 2017) for row in moving]


def edit_2013(rows: Rows) -> Rows:
    """Move a recall to 2018, remove another, and move a third with an invalid value."""
    moving, removed, invalid = _of_year(rows, 2013)[:3]
    moved = [_moved_to(moving, 2018), _moved_to(invalid, 2018) | {"potentially_affected": "-5"}]
    return _without(rows, [moving, removed, invalid]) + moved


def remove_2001(rows: Rows) -> Rows:
    return _without(rows, _of_year(rows, 2001))


def remove_a_twentieth(rows: Rows) -> Rows:
    return [row for number, row in enumerate(rows) if number % 20]


def add_odd_texts(rows: Rows) -> Rows:
    """Texts that readers get unchanged."""
    odd = ["", " ", 'a "quoted" text', "Ünïcode \U0001f697 ", "null", "two\nlines"]
    edited = [row | {"subject": text} for row, text in zip(_of_year(rows, 2016), odd, strict=False)]
    return _without(rows, edited) + edited


STEPS = [
    Step("first read"),
    Step("unchanged day"),
    Step("day 2", 2),
    Step("day 3, with odd texts", 3, script=add_odd_texts),
    Step("day 4 as a dry run", 4, dry_run=True),
    Step("some years of day 4", 4, years=(2014, 2019, 2020, 2021)),
    Step("day 4", 4),
    Step("invalid and missing dates", 5, BAD_DATES, waive=INVALID),
    Step("the same invalid dates a day later", 6, BAD_DATES, waive=INVALID),
    Step("a missing key, so nothing is retracted", 7, MISSING_KEY, waive=INVALID),
    Step("values of wrong types and out of range", 8, BAD_VALUES, waive=INVALID),
    Step("other valid spellings", 9, SPELLINGS),
    Step("a duplicate in one batch", 10, [_fault("duplicate_key", 2015)], waive=INVALID),
    Step("duplicates in two batches", 11, script=copy_to_other_years, waive=INVALID),
    Step("years of the duplicates", 11, script=copy_to_other_years, years=(2003, 2021)),
    Step("the year that rows moved to", 12, script=move_from_2012_to_2017, years=(2017,)),
    Step("the year that rows moved from", 12, script=move_from_2012_to_2017, years=(2012,)),
    Step("a full read after the move", 12, script=move_from_2012_to_2017),
    Step("years of the invalid row", 13, script=edit_2013, years=(2013, 2018), waive=INVALID),
    Step("moved, removed and invalid rows", 13, script=edit_2013, waive=INVALID),
    Step("a missing year", 14, script=remove_2001),
    Step("the year is back", 14),
    Step("a twentieth is missing", 15, script=remove_a_twentieth, waive={}),
    Step("a twentieth is missing, waived", 15, script=remove_a_twentieth),
    Step("the twentieth is back", 15),
    Step("too many invalid rows", 16, [_fault("wrong_type", 2021, 40)]),
    Step("a replay of the newest read", replay="the twentieth is back"),
    Step("a replay of an old read", replay="day 2"),
    Step("some years under a new contract", 16, years=(2020,), contract="2"),
    Step("a new contract", 16, contract="2"),
    Step("a day under the new contract", 17, contract="2"),
]
Results = Iterator[tuple[Step, dict[str, Any]]]


def run_steps(api_url: str, set_day: SetDay, bucket: Bucket) -> Results:
    """Run each step; yield it with what it changed in the bucket."""
    reads: dict[str, str] = {}
    before: dict[str, dict[str, str]] = {}
    with recalls_source(seed=SEED) as source, product.max_batch_rows(BATCH_ROWS):
        for step in STEPS:
            rows: Rows = []
            if not step.replay:
                set_day(step.day, step.faults)
                rows = step.script(_rows_at(api_url))
                source.publish(rows)
            known = len(product.versions(bucket))
            with ExitStack() as stack:
                if step.contract:
                    stack.enter_context(product.contract_version(step.contract))
                outcome = _run(source, bucket, step, reads)
            reads[step.name] = outcome.pop("read_id", "")
            state = _state(bucket)
            yield (
                step,
                {
                    "source": _hash_of_source(rows),
                    **outcome,
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
        outcome = product.run(
            source.url,
            bucket,
            step.years,
            source=replayed,
            dry_run=step.dry_run,
            waive=step.waive,
            page_rows=PAGE_ROWS,
        )
    except product.PermanentError as error:
        return {"refused": product.failed_checks(error)}
    return {
        "read_id": outcome["read_id"],
        "committed": outcome["version"] is not None,
        "counts": outcome["counts"],
        "waived": outcome["waived"],
    }


def _rows_at(api_url: str) -> Rows:
    """The rows since FIRST_YEAR, including those without a valid date."""
    answer = requests.get(
        f"{api_url}/resource/{DATASET}.json",
        params={"$select": ":*,*", "$order": "nhtsa_id,:id", "$limit": "50000"},
        timeout=60,
    )
    return [row for row in answer.json() if row.get(DATE, "x") >= str(FIRST_YEAR)]


def _hash_of_source(rows: Rows) -> str:
    """Hash the rows without row ids, which vary for copies of a row."""
    without_ids = [{name: v for name, v in row.items() if name not in ROW_IDS} for row in rows]
    return _hash(json.dumps(without_ids, sort_keys=True))


def _state(bucket: Bucket) -> dict[str, dict[str, str]]:
    return {
        "years": {str(year): hash_of(table) for year, table in product.year_files(bucket).items()},
        "aggregations": {n: hash_of(table) for n, table in product.aggregations(bucket).items()},
    }


def hash_of(table: pa.Table) -> str:
    """Hash the columns, their types, and the rows in order, not the bytes of the file."""
    schema = [[f.name, str(f.type), f.nullable] for f in table.schema]
    rows = [list(row.values()) for row in table.to_pylist()]
    return _hash(json.dumps([schema, rows], default=str))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _differences(
    before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """The changed hashes by kind and name."""
    found = {}
    for kind, hashes in after.items():
        known = before.get(kind, {})
        names = sorted({*hashes, *known})
        found[kind] = {n: hashes.get(n, ABSENT) for n in names if hashes.get(n) != known.get(n)}
    return found


def _ledger(bucket: Bucket, known: int) -> dict[str, Any]:
    """Recalls per event, and a hash of all rows, in the ledger of this step."""
    rows = [
        row
        for version, _ in product.versions(bucket)[known:]
        for row in product.ledger_rows(bucket, version)
    ]
    events = {(row["event"], row["nhtsa_id"]) for row in rows}
    texts = [[row[name] for name in product.LEDGER_COLUMNS] for row in rows]
    return {
        "recalls": dict(sorted(Counter(e for e, _ in events).items())),
        "rows": _hash(json.dumps(texts)),
    }


def _quarantine(bucket: Bucket, read_id: str) -> list[list[Any]]:
    if not read_id:
        return []
    rows = product.quarantine_rows(bucket, read_id)
    return sorted([[row["nhtsa_id"] or "", row["columns"]] for row in rows])


@contextmanager
def running_scenario(s3_url: str) -> Iterator[tuple[Bucket, Results]]:
    """A new bucket, and the steps, which run during iteration."""
    app = create_app(rows=ROWS, seed=SEED)
    control = app.state.control

    def set_day(day: int, faults: Sequence[dict[str, Any]]) -> None:
        control.faults.clear()
        control.day = day
        for options in faults:
            control.fault("dirty", **options)

    with serving(app) as api_url:
        bucket = Bucket.open(s3_url, f"scenario-{uuid.uuid4().hex[:12]}")
        bucket.s3.create_bucket(Bucket=bucket.name)
        yield bucket, run_steps(api_url, set_day, bucket)


def record() -> None:
    facts = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        running_s3(Path(folder)) as s3_url,
        running_scenario(s3_url) as (_, steps),
    ):
        for step, found in steps:
            facts[step.name] = found
            print(step.name, found.get("counts", ""), found.get("refused", ""), flush=True)
    lines = [f"{json.dumps(name)}: {json.dumps(found)}" for name, found in facts.items()]
    FACTS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
