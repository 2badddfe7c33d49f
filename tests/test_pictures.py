"""The pictures in the documents show what the code has."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow as pa
import pytest

from include.site_outages.contract import CONTRACT as SITE_OUTAGES
from include.vehicle_recalls.accept import QUARANTINE_SCHEMA
from include.vehicle_recalls.ledger import LEDGER_SCHEMA
from include.vehicle_recalls.project import AGGREGATES
from include.vehicle_recalls.publish import TABLE_SCHEMA
from include.vin_snapshots.contract import CONTRACT as VIN_SNAPSHOTS

ROOT = Path(__file__).resolve().parent.parent
DRAW = "draw it in docs/system.svg"
DOCS = ROOT / "docs"
RECALLS = {"table": TABLE_SCHEMA, "ledger": LEDGER_SCHEMA, "quarantine": QUARANTINE_SCHEMA} | {
    name: pa.schema([*(TABLE_SCHEMA.field(column) for column in by), ("recalls", pa.int64())])
    for name, by in AGGREGATES.items()
}
OTHERS = {
    "site_outages": SITE_OUTAGES.schema,
    "vin_snapshots": VIN_SNAPSHOTS.schema,
}


def picture(name: str) -> ET.Element:
    return ET.parse(DOCS / name).getroot()  # noqa: S314 - our own file


def texts(part: ET.Element, kind: str) -> list[str]:
    """What is written in a class of its own, in the order of the picture."""
    return [text.text or "" for text in part.iter() if kind in text.get("class", "").split()]


def group(name: str, table: str) -> ET.Element:
    (found,) = (part for part in picture(name).iter() if part.get("id") == table)
    return found


@pytest.mark.parametrize(
    ("name", "table", "schema"),
    [
        *(("lake-model.svg", table, schema) for table, schema in RECALLS.items()),
        *(("other-tables.svg", table, schema) for table, schema in OTHERS.items()),
    ],
)
def test_a_table_is_drawn_with_its_columns_and_types(
    name: str, table: str, schema: pa.Schema
) -> None:
    """Columns and types stand in the picture as in the schema, in its order."""
    drawn = group(name, table)
    assert texts(drawn, "column") == schema.names
    assert texts(drawn, "type") == [str(kind).replace("[day]", "") for kind in schema.types]


def test_the_drawn_receipt_is_part_of_a_real_one() -> None:
    """The runbook explains what the picture says a receipt holds, and is held to a real one."""
    runbook = (DOCS / "runbook.md").read_text(encoding="utf-8")
    explained = runbook.partition("## Read a receipt")[2].partition("\n## ")[0]
    drawn = texts(group("lake-model.svg", "receipt"), "column")
    assert drawn
    assert {f"`{name}`" for name in drawn} <= set(re.findall(r"`\w+`", explained))


def test_the_whole_has_every_dag_and_connection() -> None:
    """The picture of the whole names each DAG and each connection, and no other."""
    dags = [path.read_text(encoding="utf-8") for path in (ROOT / "dags").glob("*.py")]
    hooks = [path.read_text(encoding="utf-8") for path in (ROOT / "plugins/hooks").glob("*.py")]
    made = re.findall(r"^(\w+)\(\)$", "\n".join(dags), re.MULTILINE)
    opened = re.findall(r'default_conn_name = "(\w+)"', "\n".join(hooks))
    assert made
    assert opened
    assert sorted(texts(picture("system.svg"), "dag")) == sorted(made), DRAW
    assert sorted(texts(picture("system.svg"), "connection")) == sorted(opened), DRAW
