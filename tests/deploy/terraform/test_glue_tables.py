"""Glue tables have the columns of the contracts and ledgers."""

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


def test_tables_file_is_up_to_date() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == tables(), (
        "generate it: .venv/bin/python -m deploy.terraform.tables > deploy/terraform/tables.json"
    )


def test_every_dataset_has_a_lifecycle_rule() -> None:
    athena = (ROOT / "deploy" / "terraform" / "athena.tf").read_text(encoding="utf-8")
    (listed,) = re.findall(r"datasets = \[(.*)\]", athena)
    assert set(re.findall(r'"(\w+)"', listed)) == datasets().keys(), "add it to athena.tf"


def test_names_and_comments_fit_glue() -> None:
    for table in tables().values():
        names = [column["name"] for column in table["columns"]]
        assert names == [name.lower() for name in names]
        assert len(set(names)) == len(names)
        assert all(0 < len(column["comment"]) <= 255 for column in table["columns"])


def test_reader_policy_names_each_table() -> None:
    prefix = f"{NAMES['glue']}:table/{NAMES['database']}/"
    named = {
        grant.pattern.removeprefix(prefix)
        for grant in Policy.of("reader").grants
        if grant.pattern.startswith(prefix)
    }
    assert named == tables().keys(), "add the table to terraform/policies/reader.json"


def test_unknown_type_is_refused() -> None:
    with pytest.raises(KeyError):
        glue_type(pa.time64("us"))
