"""What every DAG does alike: which conf it refuses, and where its report goes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from plugins.policy.every_dag import refuse_unknown_conf, show

KNOWN = {"years": 1, "dry_run": 2}


@pytest.mark.parametrize("conf", [None, {}, {"years": []}, {"years": [], "dry_run": True}], ids=str)
def test_known_conf_is_taken(conf: Any) -> None:
    """None at all, some of it, all of it."""
    refuse_unknown_conf(conf, KNOWN)


def test_unknown_conf_is_refused_in_one_line() -> None:
    """What is misspelt is named, beside what there is."""
    with pytest.raises(AirflowFailException) as told:
        refuse_unknown_conf({"year": 1, "dryrun": 2, "years": 3}, KNOWN)
    assert str(told.value) == (
        "the run's conf has dryrun, year, which this DAG does not know; it takes years, dry_run"
    )


def test_a_screen_is_shown_line_by_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the log of whoever shows it."""
    monkeypatch.delenv("HEADWATERS_SCREEN", raising=False)
    caplog.set_level("INFO")
    show("# Title\n\n- a fact\n", logging.getLogger("a.dag"))
    assert [(line.name, line.message) for line in caplog.records] == [
        ("a.dag", "# Title"),
        ("a.dag", ""),
        ("a.dag", "- a fact"),
    ]


def test_a_screen_goes_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever started the run reads it from a file."""
    screen = tmp_path / "screen.txt"
    monkeypatch.setenv("HEADWATERS_SCREEN", str(screen))
    show("# Größe\n", logging.getLogger("a.dag"))
    assert screen.read_text(encoding="utf-8") == "# Größe\n"
