"""The bench, on few rows and without dlt, which needs an environment of its own."""

import re
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.compare import must_agree
from benchmarks.measure import ROOT, BenchError, Measured, measure
from benchmarks.outcome import fingerprint


def came_to(rows: int, by_component: str = "same") -> list[Measured]:
    said: dict[str, Any] = {"rows": rows, "aggregations": {"recalls_per_component": by_component}}
    return [Measured(wall_s=1, cpu_s=1, peak_mb=1, said=said)]


@pytest.mark.slow
def test_the_bench_compares_and_says_the_ratio() -> None:
    """Headwaters and the scripts come to the same, and one table says how fast each was."""
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--rows",
        "300",
        "--runs",
        "1",
        "--no-page",
        *("--without", "dlt, Parquet", "--without", "dlt, Delta"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "300 rows, median of 1" in done.stdout
    assert "All came to the same rows" in done.stdout
    for name in ("headwaters", "script", "script, local files", "floor"):
        assert re.search(rf"^{name} +\d+\.\d\d", done.stdout, re.MULTILINE)


def test_another_row_count_is_found_out() -> None:
    """A contender that came to fewer rows ends the bench: fast is not right."""
    with pytest.raises(BenchError, match="b came to 299 rows of 300"):
        must_agree({"a": came_to(300), "b": came_to(299)}, 300)


def test_another_aggregation_is_found_out() -> None:
    """A contender that counted otherwise ends the bench, and the aggregation is named."""
    with pytest.raises(BenchError, match="b and a differ in recalls_per_component"):
        must_agree({"a": came_to(300), "b": came_to(300, "other")}, 300)


def test_a_fingerprint_knows_nulls_and_no_order() -> None:
    """Groups in another order are the same; a missing name is not an empty one, nor the word."""
    groups = [("Ford", 2019, 3), (None, 2019, 1)]
    assert fingerprint(groups) == fingerprint(reversed(groups))
    assert fingerprint(groups) == fingerprint([("Ford", 2019, 3), (float("nan"), 2019, 1)])
    for other in ("", "None", "null"):
        assert fingerprint(groups) != fingerprint([("Ford", 2019, 3), (other, 2019, 1)])


def test_a_contender_that_fails_is_not_measured() -> None:
    """A process that ends badly is an error with its own last words, never a fast run."""
    with pytest.raises(BenchError, match=r"benchmarks\.script ended with 1 and is not measured"):
        measure("benchmarks.script")
