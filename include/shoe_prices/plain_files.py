"""The files that people open: two a day, and those of the newest day again as `latest`."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from include.errors import PermanentError
from include.lake.copies import PlainFile, copy_of
from include.lake.staging import read_table_file
from include.lake.store import Store
from include.lake.table import Version
from include.shoe_prices.contract import SHOE_PRICES

LATEST = "latest"


def plain_files(store: Store, version: Version) -> Iterator[PlainFile]:
    def render(path: str) -> bytes:
        return to_csv(read_table_file(store, SHOE_PRICES, path))

    for name in [*version.parts, LATEST]:
        part = version.parts[max(version.parts) if name == LATEST else name]
        parquet, csv = names_of(name)
        yield copy_of(parquet, part)
        yield PlainFile(csv, f"{part['path']} as CSV", partial(render, part["path"]))


def names_of(day: str) -> tuple[str, str]:
    return f"{day}.parquet", f"{day}.csv"


def to_csv(rows: pa.Table) -> bytes:
    """For a spreadsheet: UTF-8, every text quoted, and the rate as the ECB spells it."""
    texts = {name: rows[name] for name in rows.schema.names}
    texts["rate"] = pc.utf8_rtrim(pc.utf8_rtrim(rows["rate"].cast(pa.string()), "0"), ".")
    for name in ("created_at", "updated_at"):
        texts[name] = pc.strftime(rows[name], "%Y-%m-%dT%H:%M:%SZ")
    shown = pa.table(texts)
    sink = io.BytesIO()
    pyarrow.csv.write_csv(shown, sink, pyarrow.csv.WriteOptions(quoting_style="needed"))
    _check(sink.getvalue(), shown)
    return sink.getvalue()


def _check(body: bytes, shown: pa.Table) -> None:
    """Read the file back, with another reader than its writer."""
    found = pd.read_csv(io.BytesIO(body), dtype=str, keep_default_na=False)
    for name in shown.schema.names:
        texts = shown[name].cast(pa.string()).fill_null("").to_pylist()
        if list(found) != shown.schema.names or found[name].tolist() != texts:
            raise PermanentError(
                f"the CSV does not read back as the rows of the table (column {name}); this is a "
                "defect of Headwaters: report it"
            )
