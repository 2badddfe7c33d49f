"""The bench on few rows, without dlt, which needs its own environment."""

import re
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.compare import must_agree
from benchmarks.measure import ROOT, BenchError, Measured, measure
from benchmarks.outcome import fingerprint


def measured(rows: int, by_component: str = "same") -> list[Measured]:
    output: dict[str, Any] = {"rows": rows, "aggregations": {"recalls_per_component": by_component}}
    return [Measured(wall_s=1, cpu_s=1, peak_mb=1, said=output)]


@pytest.mark.slow
def test_bench_prints_every_contender_in_one_table() -> None:
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


def test_wrong_row_count_fails_the_bench() -> None:
    with pytest.raises(BenchError, match="b came to 299 rows of 300"):
        must_agree({"a": measured(300), "b": measured(299)}, 300)


def test_different_aggregation_fails_the_bench() -> None:
    with pytest.raises(BenchError, match="b and a differ in recalls_per_component"):
        must_agree({"a": measured(300), "b": measured(300, "other")}, 300)


def test_fingerprint_ignores_order_and_tells_null_from_text() -> None:
    groups = [("Ford", 2019, 3), (None, 2019, 1)]
    assert fingerprint(groups) == fingerprint(reversed(groups))
    assert fingerprint(groups) == fingerprint([("Ford", 2019, 3), (float("nan"), 2019, 1)])
    for other in ("", "None", "null"):
        assert fingerprint(groups) != fingerprint([("Ford", 2019, 3), (other, 2019, 1)])


def test_failed_contender_is_not_measured() -> None:
    with pytest.raises(BenchError, match=r"benchmarks\.script ended with 1 and is not measured"):
        measure("benchmarks.script")
