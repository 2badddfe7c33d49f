"""What is lost or overwritten by mistake, and what brings it back: docs/backup.md, case by case."""

from __future__ import annotations

from argparse import Namespace

import pytest
from botocore.client import BaseClient

from include.errors import PermanentError
from include.first.bucket import LakeError
from include.first.lake import Lake
from include.vehicle_recalls import project
from include.vehicle_recalls.commands.copy_lake import NoCopyOfIt, copy_lake
from include.vehicle_recalls.commands.verify import verify
from tests.vehicle_recalls.days import LEDGER_LOG, TABLE_LOG, ledger_rows
from tests.vehicle_recalls.evidence import KEYS, listing, new_lake, one_clear_line
from tests.vehicle_recalls.three_days import DAYS, three_days

NEWEST, MIDDLE = "00000000000000000003.json", "00000000000000000002.json"


@pytest.fixture(scope="module")
def copy(s3: BaseClient, s3_url: str) -> Lake:
    """A copy of a lake of three days."""
    copy = new_lake(s3, s3_url)
    copy_lake(three_days(s3, s3_url), copy)
    return copy


@pytest.fixture
def past(copy: Lake, lake: Lake) -> Lake:
    """A lake of three days in a versioned bucket, for this test alone."""
    lake.s3.put_bucket_versioning(Bucket=lake.bucket, VersioningConfiguration={"Status": "Enabled"})
    copy_lake(copy, lake)
    return lake


def bring_back(copy: Lake, lake: Lake, prefix: str) -> None:
    """What `aws s3 sync` does: what the copy has under a prefix, with its metadata."""
    for key in copy.keys(prefix):
        source = {"Bucket": copy.bucket, "Key": key}
        lake.s3.copy_object(Bucket=lake.bucket, Key=key, CopySource=source)


def run_project(lake: Lake, *, anew: bool = False) -> list[str]:
    said: list[str] = []
    assert project.command(lake, Namespace(anew=anew), said.append) == 0
    return said


def test_a_lost_ledger_is_told_again(past: Lake, copy: Lake) -> None:
    """`project` writes it from the table, with the same rows, as long as no version is pruned."""
    past.at_once(past.delete, list(past.keys(f"{KEYS.ledger}/")))
    assert len(run_project(past)) >= len(DAYS)
    assert ledger_rows(past) == ledger_rows(copy)


def test_a_table_that_was_restored_without_its_ledger_stops_everything(
    past: Lake, copy: Lake
) -> None:
    """The line names both; restored together they go on."""
    past.delete(f"{TABLE_LOG}{NEWEST}")
    with pytest.raises(PermanentError) as error:
        run_project(past)
    one_clear_line(error.value, "ledger tells of version 3", "restore both from the same copy")
    for folder in (KEYS.table, KEYS.ledger):
        past.at_once(past.delete, list(past.keys(f"{folder}/")))
        bring_back(copy, past, f"{folder}/")
    assert listing(past) == listing(copy)
    assert run_project(past)[-1].startswith("nothing to do")


@pytest.mark.parametrize("log", [TABLE_LOG, LEDGER_LOG])
def test_a_lost_log_entry_comes_back_from_the_copy(past: Lake, copy: Lake, log: str) -> None:
    """With one in the middle gone nothing goes on, and no other copy is taken of it."""
    past.delete(f"{log}{MIDDLE}")
    with pytest.raises(LakeError) as error:
        run_project(past)
    one_clear_line(error.value, "an entry of its log is gone; restore it from a copy")
    with pytest.raises(NoCopyOfIt) as error:
        copy_lake(past, copy)
    one_clear_line(error.value, f"{log}{MIDDLE} is not in", "restore it from there")
    bring_back(copy, past, f"{log}{MIDDLE}")
    assert run_project(past)[-1].startswith("nothing to do")


def test_what_was_deleted_or_overwritten_comes_back_by_version(past: Lake) -> None:
    """What is written once is right in its first version: all later ones go."""
    before = listing(past)
    table = list(past.keys(f"{KEYS.table}/"))
    past.at_once(past.delete, [key for key in table if key.endswith(".json")])
    for key in table:
        if key.endswith(".parquet"):
            past.project(key, b"by mistake", {})
    with pytest.raises(PermanentError):
        verify(past, lambda _: None)
    only_the_first_version(past, f"{KEYS.table}/")
    assert listing(past) == before


def only_the_first_version(lake: Lake, prefix: str) -> None:
    found = lake.s3.list_object_versions(Bucket=lake.bucket, Prefix=prefix)
    assert not found["IsTruncated"]
    seen: set[str] = set()
    for version in reversed(found.get("Versions", [])):  # S3 lists the newest of a key first
        if version["Key"] in seen:
            drop(lake, version["Key"], version["VersionId"])
        seen.add(version["Key"])
    for marker in found.get("DeleteMarkers", []):
        drop(lake, marker["Key"], marker["VersionId"])


def drop(lake: Lake, key: str, version: str) -> None:
    lake.s3.delete_object(Bucket=lake.bucket, Key=key, VersionId=version)


def test_a_damaged_plain_file_is_written_again(past: Lake, copy: Lake) -> None:
    """No copy is needed: the table has it."""
    key = KEYS.year(2019)
    past.project(key, b"by mistake", past.made_from(key) or {})
    run_project(past, anew=True)
    assert past.get(key) == copy.get(key)
