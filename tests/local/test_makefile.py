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


def test_help_lists_and_describes_every_target():
    listed = dict(re.findall(r"^  make (\S+) +(\S.+)$", make("help").stdout, re.MULTILINE))
    assert len(listed) > 10
    assert listed.keys() == set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
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
def test_wrong_argument_prints_one_line(arguments: tuple[str, ...], error: str):
    """Quotes reach the command unchanged."""
    result = make(*arguments, "--assume-old=install")
    assert result.returncode == 2
    assert result.stderr.splitlines()[0].startswith(f"error: {error}")
    assert len(result.stderr.splitlines()) == 2  # the second line comes from make
    assert not result.stdout


def test_make_test_unsets_user_settings():
    names = ("AIRFLOW_CONN_LAKE", "AWS_PROFILE", "VIN_API_KEY", "VPIC_URL", "RECALLS_API_URL")
    shown = subprocess.run(
        ["make", "-n", "test", "--assume-old=install"],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"} | dict.fromkeys(names, "x"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(f"-u {name} " in shown for name in names)


def test_make_calls_every_local_command():
    called = set(re.findall(r"\$\(LOCAL\) ([a-z]+)", MAKEFILE))
    usage = subprocess.run(
        [sys.executable, "-m", "local", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert called == set(re.search(r"\{(.+?)\}", usage)[1].split(","))
