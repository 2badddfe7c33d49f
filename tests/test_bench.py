"""The bench, on few rows and without dlt, which needs an environment of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.compare import CONTENDERS, compare
from bench.measure import ROOT, BenchError, Measured, measure


def test_bench_compares_and_says_the_ratio() -> None:
    """This project and the plain script come to the same result, and one table says how fast."""
    command = [sys.executable, "-m", "bench", "--rows", "300", "--runs", "1", "--without", "dlt"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "300 rows, median of 1" in done.stdout
    assert "the same rows and the same three aggregations" in done.stdout
    assert "times as long as headwaters" in done.stdout


@pytest.mark.parametrize(
    ("field", "told"),
    [("rows", "came to 301 rows of 300"), ("component", "differ in recalls_per_component")],
)
def test_who_comes_to_something_else_is_found_out(
    field: str, told: str, s3_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contender with another row count or other aggregations ends the bench: fast is not right."""

    def wrong(url: str, s3_url: str) -> Measured:
        right = CONTENDERS["plain script"](url, s3_url)
        if field == "rows":
            right.said["rows"] += 1
        else:
            right.said["aggregations"]["recalls_per_component_per_year"] = "0"
        return right

    monkeypatch.setitem(CONTENDERS, "wrong", wrong)
    with pytest.raises(BenchError, match=told):
        compare(["plain script", "wrong"], 300, 1, s3_url)


def test_a_contender_that_fails_is_not_measured() -> None:
    """A process that ends badly is an error with its own last words, never a fast run."""
    with pytest.raises(BenchError, match=r"bench\.plain_script ended with 1 and is not measured"):
        measure("bench.plain_script")
