"""Every dataset that the lake holds, as the page on data shows it: found by the contracts."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from include.data.catalog import datasets
from include.data.checks import PASSED
from include.data.contract import Column, Dataset
from include.data.diff import ledger_schema
from include.lake.keys import Keys
from include.lake.plain_files import plain_file_names
from include.lake.store import Store
from include.lake.table import Version
from include.site.reading import reading_blocks
from include.site.snapshot import Snapshot
from include.vehicle_recalls.aggregates import AGGREGATIONS, file_name
from include.vehicle_recalls.contract import RECALLS

LEDGER = "vehicle_recalls_ledger"
OF_YEAR = Column("year", pa.int32(), "The year of the report.")
OF_COUNT = Column("recalls", pa.int64(), "How many recalls.", required=True)
LEDGER_GRAIN = "One row is one field of one recall that a version of the table changed."
YEARS = "????.parquet"


class OpenTable(NamedTuple):
    """A table that people can download: its columns are those of the contract."""

    name: str
    title: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]


def open_tables() -> list[OpenTable]:
    """All recalls, the aggregations, and the ledger."""
    by_name = {column.name: column for column in RECALLS.columns} | {"year": OF_YEAR}
    recalls = tuple(by_name[name] for name in RECALLS.business_columns)
    ledger = tuple(
        Column(
            field.name,
            field.type,
            field.metadata[b"comment"].decode(),
            required=not field.nullable,
        )
        for field in ledger_schema(RECALLS)
    )
    aggregations = [
        OpenTable(
            name,
            name.replace("_", " ").capitalize(),
            f"One row is one {' and one '.join(c.replace('_', ' ') for c in by)}; null is one too.",
            (),
            (*(by_name[column] for column in by), OF_COUNT),
        )
        for name, by in AGGREGATIONS.items()
    ]
    ledger_key = ("version", RECALLS.key, "field")
    return [
        OpenTable(RECALLS.name, "Vehicle recalls", RECALLS.grain, (RECALLS.key,), recalls),
        *aggregations,
        OpenTable(LEDGER, "What changed: the ledger", LEDGER_GRAIN, ledger_key, ledger),
    ]


def passed(checks: Iterable[Mapping[str, str]]) -> dict[str, int]:
    outcomes = [check["outcome"] for check in checks]
    return {"passed": outcomes.count(PASSED), "of": len(outcomes)}


def datasets_shard(
    snapshot: Snapshot,
    versions: Mapping[str, Version],
    rows: Mapping[str, int],
    files: Mapping[str, dict[str, Any]],
    root: str,
) -> list[dict[str, Any]]:
    """`rows` are those of each open table, `files` its download; `root` is the bucket."""
    version = snapshot.version
    found = [
        _entry(table, version, rows[table.name], root)
        | {"files": [files[table.name]] if table.name in files else []}
        for table in open_tables()
    ]
    others = [dataset for name, dataset in datasets().items() if name != RECALLS.name]
    return found + [
        _other(snapshot.store, dataset, versions[dataset.name], root)
        for dataset in others
        if versions[dataset.name].receipt
    ]


def _entry(table: OpenTable, version: Version, rows: int, root: str) -> dict[str, Any]:
    keys = Keys(RECALLS.name)
    if table.name == RECALLS.name:
        folders = _folders(RECALLS, "one plain Parquet file for each report year: read these")
        blocks = reading_blocks(root, keys.plain(YEARS), keys.table, RECALLS.name, _day(table))
    elif table.name == LEDGER:
        sentence = "the ledger, a Delta table: read it through its log"
        folders = [{"path": f"{keys.ledger}/", "sentence": sentence}]
        blocks = reading_blocks(root, "", keys.ledger, LEDGER)
    else:
        file = keys.plain(file_name(table.name))
        folders = [{"path": file, "sentence": "one plain Parquet file"}]
        blocks = reading_blocks(root, file)
    return _described(table, version, rows) | {"folders": folders, "reading": blocks}


def _other(store: Store, dataset: Dataset, version: Version, root: str) -> dict[str, Any]:
    keys = Keys(dataset.name)
    parquet = [name for name in plain_file_names(store, dataset) if name.endswith(".parquet")]
    title = dataset.name.replace("_", " ").capitalize()
    table = OpenTable(dataset.name, title, dataset.grain, (dataset.key,), dataset.columns)
    rows = sum(part["rows"] for part in version.parts.values())
    file = keys.plain(parquet[-1]) if parquet else ""
    return _described(table, version, rows) | {
        "folders": _folders(dataset, "plain files: read these"),
        "reading": reading_blocks(root, file, keys.table, dataset.name, _day(table)),
        "files": [],  # they stay in the bucket
    }


def _described(table: OpenTable, version: Version, rows: int) -> dict[str, Any]:
    receipt = version.receipt
    return {
        "name": table.name,
        "title": table.title,
        "grain": table.grain,
        "rows": rows,
        "version": version.receipt_number,
        "observed_at": receipt["observed_at"],
        "changed_at": receipt["observed_at"],  # a read that changes nothing makes no version
        "checks": passed(receipt["checks"]),
        "publisher": receipt["source"]["publisher"],
        "columns": [
            {
                "name": column.name,
                "type": str(column.type),
                "sentence": column.sentence,
                "key": column.name in table.key,
            }
            for column in table.columns
        ],
    }


def _day(table: OpenTable) -> str:
    """A column that is a day, to show how one is read."""
    return next((c.name for c in table.columns if pa.types.is_date(c.type)), "")


def _folders(dataset: Dataset, plain: str) -> list[dict[str, str]]:
    keys = Keys(dataset.name)
    mixed = "a Delta table: read it through its log, for all of it as Parquet mixes versions"
    return [
        {"path": keys.folder, "sentence": plain},
        {"path": f"{keys.table}/", "sentence": mixed},
        {"path": f"{keys.ledger}/", "sentence": "a Delta table of every change, read like that"},
        {"path": f"{keys.folder}raw/", "sentence": "what the source sent, byte for byte"},
    ]
