"""The tables that Athena sees are those of the code, column by column."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from deploy.terraform.tables import glue_type, tables
from include.data.catalog import datasets
from tests.deploy.terraform.iam import NAMES, Policy

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "deploy" / "terraform" / "tables.json"


def test_the_file_is_what_the_schemas_say() -> None:
    """The committed tables are what the contracts and the ledgers give today."""
    assert json.loads(FILE.read_text(encoding="utf-8")) == tables(), (
        "write it again: .venv/bin/python -m deploy.terraform.tables > deploy/terraform/tables.json"
    )


def test_every_dataset_is_in_each_list() -> None:
    """S3 expires what passes between the tasks of each."""
    athena = (ROOT / "deploy" / "terraform" / "athena.tf").read_text(encoding="utf-8")
    (listed,) = re.findall(r"datasets = \[(.*)\]", athena)
    assert set(re.findall(r'"(\w+)"', listed)) == datasets().keys(), "name it in athena.tf"


def test_glue_takes_every_name_and_sentence() -> None:
    """Names are lower-case and unique in their table; no sentence is longer than Glue allows."""
    for table in tables().values():
        names = [column["name"] for column in table["columns"]]
        assert names == [name.lower() for name in names]
        assert len(set(names)) == len(names)
        assert all(0 < len(column["comment"]) <= 255 for column in table["columns"])


def test_the_reader_sees_each_table_and_no_other() -> None:
    """Its policy names the tables one by one."""
    prefix = f"{NAMES['glue']}:table/{NAMES['database']}/"
    named = {
        grant.pattern.removeprefix(prefix)
        for grant in Policy.of("reader").grants
        if grant.pattern.startswith(prefix)
    }
    assert named == tables().keys(), "name the table in terraform/policies/reader.json"


def test_a_type_that_glue_has_no_name_for_is_no_guess() -> None:
    """Who adds such a column hears of it here, and not from Athena."""
    with pytest.raises(KeyError):
        glue_type(pa.time64("us"))
