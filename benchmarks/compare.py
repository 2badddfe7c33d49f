"""Headwaters, the plain script and dlt on the same data, in turn, again and again."""

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measure import ROOT, BenchError, Measured, measure
from benchmarks.servers import fresh_bucket, local_api

DLT_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


def headwaters(url: str, s3_url: str) -> Measured:
    with fresh_bucket(s3_url) as bucket:
        return measure("benchmarks.headwaters", url, s3_url, bucket)


def script(url: str, s3_url: str) -> Measured:
    with fresh_bucket(s3_url) as bucket:
        return measure("benchmarks.plain_script", url, s3_url, bucket)


def script_to_files(url: str, _s3_url: str) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        return measure("benchmarks.plain_script", url, folder)


def dlt_pipeline(url: str, _s3_url: str) -> Measured:
    if not DLT_PYTHON.exists():
        raise BenchError("dlt is not installed in .venv-bench; run `make bench`")
    with tempfile.TemporaryDirectory() as folder:
        # dlt looks for settings in the user's home, and reports its use by default.
        settings = {"DLT_DATA_DIR": folder, "HOME": folder, "RUNTIME__DLTHUB_TELEMETRY": "false"}
        return measure("benchmarks.dlt_pipeline", url, folder, python=DLT_PYTHON, more=settings)


CONTENDERS: dict[str, Callable[[str, str], Measured]] = {
    "headwaters": headwaters,
    "script": script,
    "script, local files": script_to_files,
    "dlt": dlt_pipeline,
}


def compare(names: Sequence[str], rows: int, runs: int, s3_url: str) -> dict[str, list[Measured]]:
    """Each contender `runs` times, taking turns, so that a busy moment falls on all of them.

    Each has a local API of its own with the same data, whose first answers, which take time to
    make up, are made in a run that does not count.
    """
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        urls = {name: stack.enter_context(local_api(rows)) for name in names}
        for turn in range(runs + 1):
            for name in names:
                found = CONTENDERS[name](urls[name], s3_url)
                if turn:
                    measured[name].append(found)
    must_agree(measured, rows)
    return measured


def must_agree(measured: Mapping[str, Sequence[Measured]], rows: int) -> None:
    outcomes = [(name, run.said) for name, runs in measured.items() for run in runs]
    first_name, first = outcomes[0]
    for name, said in outcomes:
        if said["rows"] != rows:
            raise BenchError(f"{name} came to {said['rows']:,} rows of {rows:,}")
        for aggregation, fingerprint in said["aggregations"].items():
            if fingerprint != first["aggregations"][aggregation]:
                raise BenchError(f"{name} and {first_name} differ in {aggregation}")
