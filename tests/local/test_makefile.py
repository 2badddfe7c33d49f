"""The Makefile and its help."""

from __future__ import annotations

import re
import subprocess

import pytest

from local.localstack import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


def test_help_lists_every_target_with_a_sentence():
    """`make`, and `make help`, list each target and what it does; nothing else is a target."""
    listed = dict(re.findall(r"^  make (\S+) +(\S.+)$", make("help").stdout, re.MULTILINE))

    assert len(listed) > 10
    assert listed.keys() == targets()
    assert all(" " in sentence for sentence in listed.values())
    assert make().stdout == make("help").stdout


def test_every_target_is_phony():
    """A file that happens to have a target's name does not switch the target off."""
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == targets()


def test_dag_wants_a_name():
    """`make dag` without DAG= says how it is used."""
    told = make("dag", "--assume-old=install")
    assert told.returncode == 2
    assert "make dag DAG=" in told.stderr


def test_lake_hands_its_words_on_as_they_are():
    """What stands in ARGS reaches the command with its quotes: no shell takes them off."""
    told = make("lake", """ARGS=changes --manufacturer "Ford 'Mo*tor;""", "--assume-old=install")
    assert told.returncode == 2
    assert told.stderr.splitlines()[0].endswith(""": changes --manufacturer "Ford 'Mo*tor;""")
    assert not told.stdout


@pytest.mark.parametrize("days", ["0", "31", "-1", "three", "1.5"])
def test_run_wants_a_number_of_days(days: str):
    """DAYS that are no number, none at all or too many are refused before anything is started."""
    told = make("run", f"DAYS={days}", "--assume-old=install")
    assert told.returncode == 2
    assert told.stderr.splitlines()[0] == f"error: DAYS is a number from 1 to 30, not '{days}'"
    assert not told.stdout


def test_tests_see_no_settings_of_the_user():
    """`make test` runs without the user's connections, keys and Airflow."""
    theirs = ("AIRFLOW_CONN_LAKE", "AWS_PROFILE", "VIN_API_KEY", "VPIC_URL", "RECALLS_API_URL")
    shown = subprocess.run(
        ["make", "-n", "test", "--assume-old=install"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"} | dict.fromkeys(theirs, "x"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(f"-u {name} " in shown for name in theirs)


def test_make_runs_what_local_has():
    """Every command of `python -m local` that the Makefile calls exists, and the reverse."""
    called = set(re.findall(r"\$\(LOCAL\) ([a-z]+)", MAKEFILE))
    known = set(re.findall(r'add_parser\(\s*"([a-z]+)"', (ROOT / "local/__main__.py").read_text()))
    assert called == known
