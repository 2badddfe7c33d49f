"""Every dataset that the lake holds, as the page on data shows it: found by the contracts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from include.data.catalog import datasets
from include.data.checks import PASSED
from include.data.contract import Dataset
from include.data.diff import ledger_schema
from include.lake.keys import Keys
from include.lake.plain_files import plain_file_names
from include.lake.table import Version
from include.site.files import FOLDER, File, StoredSite
from include.site.templates import render
from include.vehicle_recalls.aggregates import AGGREGATIONS, file_name
from include.vehicle_recalls.contract import RECALLS

LEDGER = "vehicle_recalls_ledger"
DELTA = "a Delta table: use a Delta reader, because all of its Parquet files together mix versions"
YEAR_FILES = (
    "one plain Parquet file for each report year: read these; they have 3 more columns, of the "
    "source's own row: Id (never a key), created_at and updated_at (when the source wrote it, not "
    "when the recall was edited)"
)
# As a Data Package names a type, and as pandas does; it parses dates by itself.
TYPES = {
    pa.string(): ("string", "string"),
    pa.int32(): ("integer", "Int64"),
    pa.int64(): ("integer", "Int64"),
    pa.float64(): ("number", "Float64"),
    pa.bool_(): ("boolean", "boolean"),
    pa.date32(): ("date", ""),
    pa.timestamp("us", tz="UTC"): ("datetime", ""),
}
Files = Mapping[str, File]  # by open table
YEAR = pa.field("year", pa.int32(), metadata={"comment": "The year of the report."})
COUNT = pa.field("recalls", pa.int64(), False, metadata={"comment": "How many recalls."})


class Table(NamedTuple):
    """A table that people can read, with the sentences of its contract."""

    name: str
    grain: str
    key: tuple[str, ...]
    schema: pa.Schema
    plain: str = ""  # the key of its plain file; `????` stands for a year
    delta: str = ""  # the folder of its Delta table
    folders: tuple[tuple[str, str], ...] = ()  # each with a sentence

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()


def open_tables() -> list[Table]:
    """What people can download: all recalls, the aggregations, and the ledger."""
    keys = Keys(RECALLS.name)
    in_table = f"{DELTA}; its columns are those of the year files, and year"
    recalls = _table(RECALLS, keys.plain("????.parquet"), YEAR_FILES, in_table)
    schema = pa.schema([RECALLS.schema.field(name) for name in RECALLS.business_columns])
    ledger = Table(
        LEDGER,
        "One row is one field of one recall that a version of the table changed.",
        ("version", RECALLS.key, "field"),
        ledger_schema(RECALLS),
        delta=keys.ledger,
        folders=((f"{keys.ledger}/", DELTA),),
    )
    aggregations = [_aggregation(name, by) for name, by in AGGREGATIONS.items()]
    return [recalls._replace(schema=schema), *aggregations, ledger]


def _aggregation(name: str, by: list[str]) -> Table:
    file = Keys(RECALLS.name).plain(file_name(name))
    schema = RECALLS.schema.append(YEAR)
    words = " and one ".join(column.replace("_", " ") for column in by)
    return Table(
        name,
        f"One row is one {words}. Recalls without a value have a row of their own.",
        (),
        pa.schema([*(schema.field(column) for column in by), COUNT]),
        file,
        folders=((file, "one plain Parquet file"),),
    )


def _table(dataset: Dataset, plain: str, in_folder: str, in_table: str = DELTA) -> Table:
    keys = Keys(dataset.name)
    folders = (
        (keys.folder, in_folder),
        (f"{keys.table}/", in_table),
        (f"{keys.ledger}/", "a Delta table of every change, read like that"),
        (f"{keys.folder}raw/", "what the source sent, byte for byte"),
    )
    key = (dataset.key,)
    return Table(dataset.name, dataset.grain, key, dataset.schema, plain, keys.table, folders)


def datasets_shard(
    site: StoredSite, versions: Mapping[str, Version], rows: Mapping[str, int], files: Files
) -> list[dict[str, Any]]:
    """`rows` and `files` are those of the open tables."""
    recalls = versions[RECALLS.name]
    shown = [
        _shown(site, table, recalls, rows[table.name], files[table.name]) for table in open_tables()
    ]
    for name, dataset in datasets().items():
        version = versions[name]
        if name == RECALLS.name or not version.receipt:
            continue
        plain = [f for f in plain_file_names(version.store, dataset) if f.endswith(".parquet")]
        table = _table(
            dataset, Keys(name).plain(plain[-1]) if plain else "", "plain files: read these"
        )
        number = sum(part["rows"] for part in version.parts.values())
        shown.append(_shown(site, table, version, number))
    return shown


def _shown(
    site: StoredSite, table: Table, version: Version, rows: int, file: File | None = None
) -> dict[str, Any]:
    """What the page says of a table; a public one has a file."""
    receipt = version.receipt
    folders, reading = list(table.folders), _reading(table, site.root)
    if file:
        folders.insert(0, (FOLDER + file.path, "the public download, one CSV"))
        reading.insert(0, _reading_download(table, site.base + file.path))
    return {
        "name": table.name,
        "title": table.title,
        "grain": table.grain,
        "rows": rows,
        "version": version.receipt_number,
        "changed_at": receipt["observed_at"],  # a read that changes nothing makes no version
        "checks": passed(receipt) if table.name in datasets() else None,
        "publisher": receipt["source"]["publisher"],
        "columns": [
            {
                "name": field.name,
                "type": str(field.type),
                "sentence": sentence(field),
                "key": field.name in table.key,
            }
            for field in table.schema
        ],
        "files": [file] if file else [],
        "folders": [{"path": path, "sentence": text} for path, text in folders],
        "reading": reading,
    }


def _reading(table: Table, root: str) -> list[dict[str, str]]:
    """How the table is read, as code that works when it is pasted: a block for each tool."""
    text = render(
        "reading.j2",
        root=root,
        file=table.plain,
        one_file=table.plain.replace("????", "2024"),
        table=table.delta,
        athena=table.delta and table.name,
        day=next((f.name for f in table.schema if pa.types.is_date(f.type)), ""),
    )
    sections = [section.partition("\n") for section in f"\n{text}".split("\n## ")[1:]]
    return [{"tool": tool, "code": code.strip()} for tool, _, code in sections if code.strip()]


def _reading_download(table: Table, address: str) -> dict[str, str]:
    """The public CSV; a relative address works beside the downloaded folder."""
    dtypes = {field.name: TYPES[field.type][1] for field in table.schema}
    dates = [name for name, dtype in dtypes.items() if not dtype]
    code = render("reading_download.j2", address=address, dtypes=dtypes, dates=dates)
    return {"tool": "pandas, from the download", "code": code.strip()}


def sentence(field: pa.Field) -> str:
    return str(field.metadata[b"comment"].decode())


def passed(receipt: Mapping[str, Any]) -> dict[str, int]:
    outcomes = [check["outcome"] for check in receipt["checks"]]
    return {"passed": outcomes.count(PASSED), "of": len(outcomes)}
