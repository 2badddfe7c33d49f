"""`python -m include.vehicle_recalls`: as people and programs run it, in processes of its own."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from botocore.client import BaseClient

from include.first.lake import Lake
from include.vehicle_recalls.__main__ import COMMANDS, main
from include.vehicle_recalls.ledger import LEDGER_SCHEMA, bring_to_head
from tests.vehicle_recalls.chronicle import (
    GONE,
    LATE,
    QUIET,
    RENAMED,
    RETURNING,
    RISING,
    write_chronicle,
)
from tests.vehicle_recalls.evidence import KEYS, a_row, land_rows, new_lake, publish_landed

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "include.vehicle_recalls"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def told(s3: BaseClient, s3_url: str) -> Lake:
    lake = new_lake(s3, s3_url)
    write_chronicle(lake)
    return lake


def settings(lake: Lake) -> dict[str, str]:
    return {
        "LAKE_BUCKET": lake.bucket,
        "LAKE_ENDPOINT_URL": lake.s3.meta.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


def ran(lake: Lake, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own, whose output is no terminal."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=os.environ | settings(lake),
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def told_here(told: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    for name, value in settings(told).items():
        monkeypatch.setenv(name, value)
    return told


def test_changes_in_a_file(told: Lake):
    """Every row of the ledger that fits, in Parquet, and not a word beside it."""
    done = ran(told, "changes", "--since", "2026-07-01", "--format", "parquet")
    assert (done.returncode, done.stderr) == (0, b"")
    table = pq.read_table(io.BytesIO(done.stdout))
    assert table.schema.equals(LEDGER_SCHEMA)
    assert set(table["version"].to_pylist()) == {3, 4}


@pytest.mark.usefixtures("told_here")
def test_all_that_changes_can_be_asked(capsys: Capture):
    """Every option narrows what is found, and options may be repeated."""
    asked = ["changes", "--since", "2026-06-29", "--until", "2026-07-05", "--event", "edited"]
    asked += ["--manufacturer", "FORD", "--nhtsa-id", RISING.lower(), RENAMED]
    asked += ["--field", "completion_rate", "--field", "manufacturer", "--format", "csv"]
    assert main(asked) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["version"], row["nhtsa_id"], row["old"], row["new"]) for row in rows] == [
        ("2", RISING, "61.5", "70"),
        ("2", RENAMED, "20", "15"),
        ("3", RISING, "70", "75.25"),
        ("3", RENAMED, "15", ""),
        ("3", RENAMED, "Acme Trailers", "Ford Trailers"),
    ]
    assert rows[0]["observed_at"] == "2026-06-29T09:30:43Z"


@pytest.mark.usefixtures("told_here")
def test_changes_for_people(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    """Without a format it is a table, which fits in the columns that there are."""
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["changes", "--event", "retracted"]) == 0
    said = capsys.readouterr().out
    assert f"  {RETURNING}  {'Kia America':<24}  retracted    Brake hose may crack\n" in said
    assert f"  {GONE}  {'FORD OF EUROPE':<24}  retracted    Brake hose may crack\n" in said
    assert said.endswith("\n2 retracted; 2 versions\n")


@pytest.mark.usefixtures("told_here")
@pytest.mark.parametrize(
    ("name", "words"),
    [("Nobody", 'no recall has "Nobody" in its manufacturer'), ("ford", "the ledger has no such")],
)
def test_a_manufacturer_without_changes(capsys: Capture, name: str, words: str):
    """It is said whether there is one of that name at all."""
    assert main(["changes", "--version", "4", "--manufacturer", name]) == 0
    assert capsys.readouterr().out.startswith(f"nothing found: {words}")


@pytest.mark.usefixtures("told_here")
@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("table", "nothing found: the ledger has no such change\n"),
        ("json", "[]\n"),
        ("csv", ",".join(f'"{name}"' for name in LEDGER_SCHEMA.names) + "\n"),
    ],
)
def test_nothing_found_is_no_error(capsys: Capture, form: str, said: str):
    """The exit code is 0, and the output says that it is empty in its own way."""
    assert main(["changes", "--since", "2027-01-01", "--format", form]) == 0
    assert capsys.readouterr() == (said, "")


@pytest.mark.usefixtures("told_here")
def test_one_recall(capsys: Capture):
    """`history` tells the same in JSON: since when, every change, and how it is now."""
    assert main(["history", LATE, "--format", "json"]) == 0
    life = json.loads(capsys.readouterr().out)
    assert (life["nhtsa_id"], life["baseline"]) == (LATE, None)
    assert life["since"] == "2026-06-29T09:30:43Z"
    assert life["now"]["completion_rate"] == 5
    assert life["now"]["report_received_date"] == "2019-03-04"
    assert {change["event"] for change in life["changes"]} == {"published", "edited"}


@pytest.mark.usefixtures("told_here")
def test_completion(capsys: Capture):
    """The trend and the stalled on a screen; and each by itself for programs."""
    assert main(["completion"]) == 0
    said = capsys.readouterr().out
    assert "by vehicles %" in said
    assert QUIET in said
    assert main(["completion", "--format", "json"]) == 0
    assert [row["version"] for row in json.loads(capsys.readouterr().out)] == [1, 2, 3, 4]
    limits = ["--days", "100", "--under", "50"]
    assert main(["completion", "--stalled", *limits, "--format", "json"]) == 0
    assert [row["nhtsa_id"] for row in json.loads(capsys.readouterr().out)] == [QUIET]


def test_a_ledger_behind_its_table(lake: Lake):
    """What there is comes out, and a note beside it says what is missing and what brings it."""
    publish_landed(lake, land_rows(lake, [a_row(1)]))
    bring_to_head(lake)
    later = land_rows(lake, [a_row(1, do_not_drive="No")], refreshed="2026-06-29T00:00:00Z")
    publish_landed(lake, later)
    done = ran(lake, "changes", "--format", "json")
    assert (done.returncode, done.stdout) == (0, b"[]\n")
    (note,) = done.stderr.decode().splitlines()
    assert note.startswith("note: the ledger tells of versions up to 1, and the table is at ")
    assert "project" in note


def test_a_ledger_ahead_of_its_table(told: Lake, lake: Lake, capsys: Capture):
    """They are of two copies: one line names both, and nothing is told from them."""
    publish_landed(lake, land_rows(lake, [a_row(1)]))
    for key in told.keys(KEYS.ledger):
        lake.put(key, told.get(key))
    with pytest.MonkeyPatch.context() as here:
        for name, value in settings(lake).items():
            here.setenv(name, value)
        assert main(["changes"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert "version 4" in line
    assert KEYS.ledger in line
    assert KEYS.table in line


@pytest.mark.parametrize("command", [["changes"], ["history", RISING], ["completion"]])
def test_a_bucket_without_a_table(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, capsys: Capture, command: list[str]
):
    """It is the wrong one, or too early: one line, and exit code 1."""
    for name, value in settings(lake).items():
        monkeypatch.setenv(name, value)
    assert main(command) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: s3://{lake.bucket}/")
    assert "LAKE_BUCKET" in line


@pytest.mark.usefixtures("told_here")
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LAKE_BUCKET", "", "LAKE_BUCKET is not set"),
        ("LAKE_BUCKET", "not-there", "NoSuchBucket"),
        ("LAKE_ENDPOINT_URL", "no url", "LAKE_ENDPOINT_URL"),
        ("AWS_PROFILE", "nobody", "nobody"),
    ],
)
def test_an_environment_that_names_no_lake(
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
    name: str,
    value: str,
    words: str,
):
    """One line says what is wrong with it, and the exit code is 1."""
    monkeypatch.setenv(name, value)
    assert main(["changes"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert words in line


def test_a_recall_that_never_was(told: Lake):
    """One line and exit code 1, without a traceback."""
    done = ran(told, "history", "99V000000")
    assert (done.returncode, done.stdout) == (1, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error: 99V000000 ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["change"], "history"),
        (["changes", "--since", "yesterday"], "2026-11-01"),
        (["changes", "--until", "2026-13-01"], "2026-11-01"),
        (["changes", "--nhtsa-id", "24V\n"], "24V436000"),
        (["changes", "--version", "-"], "such as 12"),
        (["changes", "--field", "colour"], "do_not_drive"),
        (["changes", "--event", "deleted"], "retracted"),
        (["changes", "--format", "xml"], "parquet"),
        (["history"], "NHTSA_ID"),
        (["history", " "], "24V436000"),
        (["history", "9" * 41], "24V436000"),
        (["completion", "--days", "-1"], "whole"),
        (["completion", "--under", "101"], "0 to 100"),
        (["completion", "--under", "nan"], "0 to 100"),
    ],
)
def test_what_cannot_be_asked(capsys: Capture, arguments: list[str], words: str):
    """The exit code is 2, and the last line says what can be; nothing is connected to."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(capsys: Capture, name: str):
    """The example is a command that can be asked."""
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert f"example: python -m include.vehicle_recalls {COMMANDS[name].example}" in said
    assert COMMANDS[name].example.split()[0] == name


def test_a_reader_who_has_read_enough(told: Lake):
    """A pipe that closed early, as behind `| head`, ends the command without a word."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    for form in ("table", "csv", "json", "parquet"):
        done = subprocess.run(
            [*COMMAND, "changes", "--format", form],
            cwd=ROOT,
            env=os.environ | settings(told),
            stdout=write_end,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), form
    os.close(write_end)


def test_parquet_is_not_for_a_terminal(told: Lake):
    """One line says where to send it."""
    terminal, its_output = os.openpty()
    done = subprocess.run(
        [*COMMAND, "changes", "--format", "parquet"],
        cwd=ROOT,
        env=os.environ | settings(told),
        stdout=its_output,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(its_output)
    os.close(terminal)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert "> FILE" in line


def test_an_interrupt_ends_quietly(monkeypatch: pytest.MonkeyPatch, capsys: Capture):
    """Ctrl-C gives exit code 130 and no traceback."""

    def interrupted(*_: object) -> Lake:
        raise KeyboardInterrupt

    monkeypatch.setattr(Lake, "from_environment", interrupted)
    assert main(["changes"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_command_starts_with_what_it_needs(told: Lake):
    """No command waits for pandas, which pyarrow would import, or for what only the DAG needs."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "include.vehicle_recalls", "history", RISING],
        cwd=ROOT,
        env=os.environ | settings(told),
        capture_output=True,
        timeout=60,
        check=True,
    )
    lines = done.stderr.decode().splitlines()
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert {"pyarrow", "deltalake", "include.first.lake"} <= imported
    heavy = ("airflow", "fastapi", "pandas.", "requests")  # a refused import is on the list, too
    assert not [name for name in imported if name.startswith(heavy)]
