"""One recall's life, told from the ledger and the table."""

from __future__ import annotations

from datetime import date

import pytest
from botocore.client import BaseClient

from include.errors import PermanentError
from include.first.lake import Lake
from include.vehicle_recalls.commands.history import history, shown
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import bring_to_head
from tests.vehicle_recalls.chronicle import (
    GONE,
    LATE,
    QUIET,
    RETURNING,
    RISING,
    rows,
    write_chronicle,
)
from tests.vehicle_recalls.evidence import (
    KEYS,
    a_read,
    a_row,
    land_rows,
    new_lake,
    one_clear_line,
    publish_landed,
)

WIDTH = 100
BASELINE = "version 1     2026-06-28 09:30  in the baseline, from which the ledger goes on"


@pytest.fixture(scope="module")
def told(s3: BaseClient, s3_url: str) -> Lake:
    lake = new_lake(s3, s3_url)
    write_chronicle(lake)
    return lake


def test_a_recall_of_the_baseline(told: Lake):
    """Its edits follow, each with its time, and all its fields as they are now."""
    life = history(told, RISING.lower())
    assert (life.baseline, life.version) == (1, 4)
    assert life.now
    assert set(life.now) == {*CONTRACT.business_columns, "year"}
    assert (life.now["year"], life.now["report_received_date"]) == (2020, date(2020, 1, 2))
    lines = list(shown(life, WIDTH))
    assert lines[:6] == [
        f"{RISING}: Ford Motor Company: Hose",
        "",
        BASELINE,
        "version 2     2026-06-29 09:30  edited       completion_rate: 61.5 -> 70",
        "                                edited       do_not_drive: true -> false",
        "version 3     2026-07-05 00:00  edited       completion_rate: 70 -> 75.25",
    ]
    assert lines[6].split(maxsplit=1) == [
        "edited",
        "report_received_date: 2019-03-04 -> 2020-01-02",
    ]
    assert "Now (version 4, read 2026-10-10 09:30 UTC), a recall of 2020:" in lines
    assert "  do_not_drive           false" in lines
    assert [line.split()[0] for line in lines[-15:]] == CONTRACT.business_columns


def test_a_recall_that_came_later(told: Lake):
    """It was published when the ledger says so, and was in no baseline."""
    life = history(told, LATE)
    assert life.baseline is None
    assert life.since == life.changes[0]["observed_at"]
    lines = list(shown(life, WIDTH))
    assert lines[2] == "version 2     2026-06-29 09:30  published    Kia America: New"
    assert not [line for line in lines if "baseline" in line]


def test_a_recall_that_is_gone(told: Lake):
    """Its title is the last one, and the last line says that it is gone."""
    life = history(told, GONE)
    lines = list(shown(life, WIDTH))
    assert life.now is None
    assert lines[0] == f"{GONE}: FORD OF EUROPE: Brake hose may crack"
    assert lines[-1] == "Now (version 4, read 2026-10-10 09:30 UTC) it is gone."


def test_a_recall_that_returned(told: Lake):
    """Baseline, retraction and return are told in order."""
    told_lines = list(shown(history(told, RETURNING), WIDTH))
    assert [line.split()[4] for line in told_lines[2:5]] == ["in", "retracted", "republished"]


def test_a_recall_without_changes(lake: Lake):
    """It has been as it is since the baseline."""
    publish_landed(lake, land_rows(lake, list(rows().values())))
    bring_to_head(lake)
    life = history(lake, QUIET)
    assert (life.baseline, life.changes) == (1, [])
    assert list(shown(life, WIDTH))[2] == BASELINE


def test_a_table_without_a_baseline(lake: Lake):
    """Before the first read of all years nothing can be known of what was."""
    publish_landed(lake, land_rows(lake, [a_row(1)], read=a_read(lake, [2019])))
    bring_to_head(lake)
    life = history(lake, RISING)
    assert (life.baseline, life.since) == (None, None)
    assert "which is to come" in list(shown(life, WIDTH))[2]


def test_a_recall_that_never_was(told: Lake):
    """One line says that neither table nor ledger knows it."""
    with pytest.raises(PermanentError) as unknown:
        history(told, "99V000000")
    one_clear_line(unknown.value, "99V000000", KEYS.table, "ledger")


def test_long_texts_are_wrapped(told: Lake):
    """All of a text is there, on as many lines as it takes."""
    lines = list(shown(history(told, QUIET), 50))
    now = next(at for at, line in enumerate(lines) if line.startswith("Now"))
    assert max(map(len, lines[now + 1 :])) <= 55  # name, margin, and 30 for the text at least
    link = "".join(line.split()[-1] for line in lines if "nhtsa.gov" in line or "nhtsaId" in line)
    assert link.endswith(QUIET)


def test_a_long_edit_is_told_in_full(lake: Lake):
    """What was added to a long text is there, and so is all that was before."""
    old = "The remedy is planned to begin on November 12, 2023. " * 3
    for action in (old, old + "Parts are now available."):
        publish_landed(lake, land_rows(lake, [a_row(1, corrective_action=action)]))
    bring_to_head(lake)
    lines = list(shown(history(lake, RISING), 80))
    assert max(map(len, lines)) <= 80
    at = next(at for at, line in enumerate(lines) if "corrective_action:" in line)
    edit = " ".join(" ".join(lines[at : lines.index("", at)]).split())
    assert edit.endswith(f"{old}-> {old}Parts are now available.")


def test_a_key_of_another_shape(lake: Lake):
    """The table may have any text as a key, and each can be asked for as it is."""
    odd = a_row(1, nhtsa_id="Recall 7/b")
    publish_landed(lake, land_rows(lake, [odd]))
    publish_landed(lake, land_rows(lake, [odd | {"completion_rate": "33"}]))
    bring_to_head(lake)
    life = history(lake, "Recall 7/b ")
    assert life.now
    assert (life.nhtsa_id, life.now["completion_rate"], len(life.changes)) == ("Recall 7/b", 33, 1)
