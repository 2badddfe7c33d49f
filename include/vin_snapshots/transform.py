"""From the bytes of an export to valid rows and quarantined ones."""

import json

import pyarrow as pa

from include.data.tables import from_parquet
from include.data.validate import quarantine, quarantine_repeated, validate
from include.lake.reads import SchemaMismatch
from include.vin_snapshots.contract import VIN_SNAPSHOTS


def vehicles(export: bytes) -> tuple[pa.Table, pa.Table]:
    """The valid vehicles, and the quarantined ones; a VIN that comes twice is quarantined twice."""
    exported = from_parquet(export)
    columns = {field.name: field.type for field in exported.schema}
    expected = {field.name: field.type for field in VIN_SNAPSHOTS.schema}
    if columns != expected:
        found = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        raise SchemaMismatch(
            f"the export has the columns {found or 'none'}, not those of the contract; bring the "
            "VIN service and this pipeline to the same version"
        )
    rows, bad = quarantine(
        validate(VIN_SNAPSHOTS, exported),
        lambda row: _as_json(exported.slice(row, 1))[0],
    )

    return quarantine_repeated(VIN_SNAPSHOTS, rows, bad, _as_json)


def _as_json(rows: pa.Table) -> list[str]:
    return [json.dumps(row) for row in rows.to_pylist()]
