"""The files that people open: two per day, and those of the newest day again as `latest`."""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from include.data import tables
from include.lake.plain_files import PlainFile, copy_of
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import Version
from include.shoe_prices.contract import SHOE_PRICES

LATEST = "latest"


def plain_files(store: Store, version: Version) -> Iterator[PlainFile]:
    def render(path: str) -> bytes:
        return to_csv(read_table_file(store, SHOE_PRICES, path))

    newest = version.parts[max(version.parts)]
    for name, part in [*version.parts.items(), (LATEST, newest)]:
        parquet, csv = names_of(name)
        yield copy_of(parquet, part)
        yield PlainFile(csv, f"{part['path']}, rendered", partial(render, part["path"]))


def names_of(day: str) -> tuple[str, str]:
    return f"{day}.parquet", f"{day}.csv"


def to_csv(rows: pa.Table) -> bytes:
    """With times in ISO 8601, and the rate as the ECB spells it."""
    columns = {name: rows[name] for name in rows.schema.names}
    columns["rate"] = pc.utf8_rtrim(pc.utf8_rtrim(rows["rate"].cast(pa.string()), "0"), ".")
    for name in ("created_at", "updated_at"):
        columns[name] = pc.strftime(rows[name], "%Y-%m-%dT%H:%M:%SZ")
    return tables.to_csv(pa.table(columns))
