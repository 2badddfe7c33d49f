"""The Makefile and its help."""

import re
import subprocess
import sys

import pytest

from local.s3_engine import ROOT

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


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("dag",), "name a DAG: make dag DAG=shoe_prices; the DAGs are shoe_prices, "),
        (("dag", "DAG=nope"), "there is no DAG nope; the DAGs are shoe_prices, "),
        (("dag", "DAG=vehicle_recalls", "CONF={"), "CONF is not JSON ("),
        (
            ("dag", "DAG=shoe_prices", 'CONF={"a b": "$$x"}'),
            "CONF has a b, which shoe_prices does ",
        ),
        (("run", "DAYS=0"), "DAYS is a number from 1 to 30, not '0'"),
        (("run", "DAYS=31"), "DAYS is a number from 1 to 30, not '31'"),
        (("run", "DAYS=1.5"), "DAYS is a number from 1 to 30, not '1.5'"),
        (("lake", """ARGS=a "b 'c*;"""), "ARGS cannot be split into words (No closing quotation)"),
    ],
)
def test_a_mistake_is_one_line_before_anything_is_started(arguments: tuple[str, ...], error: str):
    """What is given reaches the command as it is: no shell takes its quotes off."""
    told = make(*arguments, "--assume-old=install")
    assert told.returncode == 2
    assert told.stderr.splitlines()[0].startswith(f"error: {error}")
    assert len(told.stderr.splitlines()) == 2  # make's own
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


def test_make_calls_every_command_of_local_and_no_other():
    called = set(re.findall(r"\$\(LOCAL\) ([a-z]+)", MAKEFILE))
    usage = subprocess.run(
        [sys.executable, "-m", "local", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert called == set(re.search(r"\{(.+?)\}", usage)[1].split(","))
