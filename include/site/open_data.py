"""The open dataset: each table as one CSV, and descriptions that are made from the contracts."""

import zlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from include.data.tables import to_csv
from include.lake.report import is_made_up
from include.site.datasets import LEDGER, TYPES, Files, Table, open_tables, sentence
from include.site.files import File, StoredSite
from include.site.snapshot import Snapshot
from include.vehicle_recalls.aggregates import AGGREGATIONS, aggregated, count_by_year
from include.vehicle_recalls.contract import DATASET, RECALLS

CSV_LEVEL = 5  # of gzip; 9 takes four times as long for 2 % less
LICENSE = {
    "name": "US-PD",
    "title": "US government work, in the public domain",
    "path": "https://www.usa.gov/government-works",
}
REAL = {  # left out for made-up data, so that search engines do not list it as official
    "license": LICENSE["path"],
    "isBasedOn": f"https://datahub.transportation.gov/d/{DATASET}",
}
DESCRIPTION = (
    "Recall campaigns as manufacturers report them to the US government (NHTSA), checked at every "
    "read, with a ledger of every change since the first one."
)


def write_downloads(site: StoredSite, snapshot: Snapshot) -> tuple[dict[str, int], Files]:
    """Write the CSV of each open table; returns the rows and the file of each."""
    counts = count_by_year(snapshot.rows)
    mark = "made-up-" if is_made_up(snapshot.version.receipt) else ""
    tables: dict[str, list[pa.Table]] = {
        RECALLS.name: list(snapshot.years.values()),
        **{name: [aggregated(counts, by)] for name, by in AGGREGATIONS.items()},
        LEDGER: [snapshot.ledger],
    }
    rows = {name: sum(part.num_rows for part in parts) for name, parts in tables.items()}
    return rows, {name: _write_csv(site, mark + name, parts) for name, parts in tables.items()}


def _write_csv(site: StoredSite, name: str, parts: list[pa.Table]) -> File:
    """Every value quoted, nulls empty; part by part, because all of it at once takes 100 MB."""
    packer = zlib.compressobj(CSV_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    packed = b""
    for number, part in enumerate(parts):
        body = to_csv(part)
        start = body.index(b"\r\n") + 2 if number else 0  # one line of names
        packed += packer.compress(memoryview(body)[start:])
    return site.files[site.write_hashed(f"files/{name}", "csv.gz", packed + packer.flush())]


def datapackage(manifest: Mapping[str, Any], files: Files, base: str) -> dict[str, Any]:
    """A Data Package (version 1 of the standard) of every download."""
    return {
        "profile": "tabular-data-package",
        "name": "vehicle-recalls",
        "id": f"urn:headwaters:vehicle_recalls:{manifest['read_id']}",
        "title": f"Vehicle recalls{' (made up)' if manifest['made_up'] else ''}",
        "description": _description(manifest),
        "version": str(manifest["version"]),
        "created": manifest["observed_at"],
        **({"homepage": base} if base else {}),
        **({} if manifest["made_up"] else {"licenses": [LICENSE]}),
        "resources": [_resource(table, files[table.name]) for table in open_tables()],
    }


def _resource(table: Table, file: File) -> dict[str, Any]:
    fields = [
        {
            "name": field.name,
            "type": TYPES[field.type][0],
            "description": sentence(field),
            "constraints": {"required": not field.nullable},
        }
        for field in table.schema
    ]
    key = {"primaryKey": list(table.key)} if table.key else {}
    return {
        "profile": "tabular-data-resource",
        "name": table.name.replace("_", "-"),
        "path": file.path,
        "title": table.title,
        "description": table.grain,
        "format": "csv",
        "mediatype": "text/csv",
        "compression": "gz",
        "encoding": "utf-8",
        "bytes": file.bytes,
        "hash": f"sha256:{file.sha256}",
        "dialect": {"lineTerminator": "\r\n", "doubleQuote": True},
        "schema": {"fields": fields, "missingValues": [""], **key},
    }


def json_ld(manifest: Mapping[str, Any], files: Files, base: str) -> dict[str, Any]:
    """The dataset for search engines, in the words of schema.org."""
    tables = open_tables()
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": "Made-up vehicle recalls" if manifest["made_up"] else "US vehicle recalls",
        "description": _description(manifest),
        **({"url": base} if base else {}),
        "isAccessibleForFree": True,
        "version": str(manifest["version"]),
        "dateModified": manifest["observed_at"],
        **({} if manifest["made_up"] else REAL),
        "variableMeasured": [
            {"@type": "PropertyValue", "name": field.name, "description": sentence(field)}
            for field in tables[0].schema
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": table.title,
                "contentUrl": base + files[table.name].path,
                "encodingFormat": "text/csv",
                "contentSize": f"{files[table.name].bytes} B",
                "sha256": files[table.name].sha256,
            }
            for table in tables
        ],
    }


def _description(manifest: Mapping[str, Any]) -> str:
    return f"{'This data is MADE UP. ' if manifest['made_up'] else ''}{DESCRIPTION}"
