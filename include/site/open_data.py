"""The open dataset: each table as one CSV, and a description that is made from the contracts."""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.data.tables import to_csv
from include.site.datasets import LEDGER, OpenTable, open_tables
from include.site.files import StoredSite
from include.site.shards import texts_of_days
from include.site.snapshot import Snapshot, texts_of_times
from include.vehicle_recalls.aggregates import AGGREGATIONS
from include.vehicle_recalls.contract import DATASET, DATE, RECALLS

CSV_LEVEL = 5  # of gzip; 9 takes four times as long for 2 % less
LICENSE = {
    "name": "US-PD",
    "title": "US government work, in the public domain",
    "path": "https://www.usa.gov/government-works",
}
KINDS = {
    pa.string(): "string",
    pa.int32(): "integer",
    pa.int64(): "integer",
    pa.float64(): "number",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "datetime",
}
DESCRIPTION = (
    "Recall campaigns as manufacturers report them to the US government (NHTSA), checked at every "
    "read, with a ledger of every change since the first one."
)
MADE_UP = "This data is MADE UP. "


def csv_body(rows: pa.Table) -> bytes:
    """Dates and times in ISO 8601, every value quoted, nulls empty."""
    columns = {name: _texts(rows[name]) for name in rows.schema.names}
    return to_csv(pa.table(columns))


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return texts_of_times(column)
    return texts_of_days(column)


def write_downloads(
    site: StoredSite, snapshot: Snapshot, rows: pa.Table, csvs: Iterable[bytes]
) -> tuple[dict[str, int], dict[str, dict[str, Any]]]:
    """Write the CSV of each open table; returns the rows and the file of each."""
    tables = {**_aggregated(rows), LEDGER: snapshot.ledger}
    counts = {name: table.num_rows for name, table in tables.items()}
    files = {name: _write_csv(site, name, [csv_body(table)]) for name, table in tables.items()}
    files[RECALLS.name] = _write_csv(site, RECALLS.name, csvs)
    return {**counts, RECALLS.name: rows.num_rows}, files


def _aggregated(rows: pa.Table) -> dict[str, pa.Table]:
    """The aggregations of exactly these rows."""
    rows = rows.append_column("year", pc.cast(pc.year(rows[DATE]), pa.int32()))
    return {
        name: rows.group_by(by)
        .aggregate([([], "count_all")])
        .rename_columns([*by, "recalls"])
        .sort_by([(column, "ascending") for column in by])
        for name, by in AGGREGATIONS.items()
    }


def _write_csv(site: StoredSite, name: str, bodies: Iterable[bytes]) -> dict[str, Any]:
    """Write tables of the same columns as one file; returns its description."""
    packer = zlib.compressobj(CSV_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = b""
    for number, body in enumerate(bodies):
        start = body.index(b"\r\n") + 2 if number else 0  # one line of names
        packed += packer.compress(memoryview(body)[start:])
    packed += packer.flush()
    path = site.write_hashed(f"files/{name}", ".csv.gz", packed)
    entry = site.new[path]
    label = "CSV, compressed with gzip"
    return {"label": label, "path": path, "bytes": entry["bytes"], "sha256": entry["sha256"]}


def datapackage(manifest: Mapping[str, Any], files: Mapping[str, Any], base: str) -> dict[str, Any]:
    """A Data Package (version 1 of the standard) of every download."""
    return {
        "profile": "tabular-data-package",
        "name": "vehicle-recalls",
        "id": f"urn:headwaters:vehicle_recalls:{manifest['read_id']}",
        "title": "Vehicle recalls",
        "description": _description(manifest),
        "version": str(manifest["version"]),
        "created": manifest["observed_at"],
        **({"homepage": base} if base else {}),
        "licenses": [LICENSE],
        "resources": [_resource(table, files[table.name]) for table in open_tables()],
    }


def _resource(table: OpenTable, file: Mapping[str, Any]) -> dict[str, Any]:
    fields = [
        {
            "name": column.name,
            "type": KINDS[column.type],
            "description": column.sentence,
            "constraints": {"required": column.required},
        }
        for column in table.columns
    ]
    key = {"primaryKey": list(table.key)} if table.key else {}
    return {
        "profile": "tabular-data-resource",
        "name": table.name.replace("_", "-"),
        "path": file["path"],
        "title": table.title,
        "description": table.grain,
        "format": "csv",
        "mediatype": "text/csv",
        "compression": "gz",
        "encoding": "utf-8",
        "bytes": file["bytes"],
        "hash": f"sha256:{file['sha256']}",
        "dialect": {"lineTerminator": "\r\n", "doubleQuote": True},
        "schema": {"fields": fields, "missingValues": [""], **key},
    }


def json_ld(manifest: Mapping[str, Any], files: Mapping[str, Any], base: str) -> dict[str, Any]:
    """The dataset for search engines, in the words of schema.org."""
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": ("Made-up vehicle recalls" if manifest["made_up"] else "US vehicle recalls"),
        "description": _description(manifest),
        **({"url": base} if base else {}),
        "license": LICENSE["path"],
        "isAccessibleForFree": True,
        "version": str(manifest["version"]),
        "dateModified": manifest["observed_at"],
        "isBasedOn": f"https://datahub.transportation.gov/d/{DATASET}",
        "variableMeasured": [
            {"@type": "PropertyValue", "name": column.name, "description": column.sentence}
            for column in open_tables()[0].columns
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": table.title,
                "contentUrl": base + files[table.name]["path"],
                "encodingFormat": "text/csv",
                "contentSize": f"{files[table.name]['bytes']} B",
                "sha256": files[table.name]["sha256"],
            }
            for table in open_tables()
        ],
    }


def _description(manifest: Mapping[str, Any]) -> str:
    return f"{MADE_UP if manifest['made_up'] else ''}{DESCRIPTION}"
