"""Headwaters and what else does the job, on the same data, in turn, again and again."""

import tempfile
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measure import ROOT, BenchError, Measured, measure
from benchmarks.servers import S3, fake_api

DLT_PYTHON = ROOT / ".venv-bench" / "bin" / "python"


def headwaters(url: str, s3: S3) -> Measured:
    with s3.fresh_bucket() as bucket:
        return measure("benchmarks.headwaters", url, *bucket)


def script(url: str, s3: S3) -> Measured:
    with s3.fresh_bucket() as bucket:
        return measure("benchmarks.script", url, *bucket)


def script_to_files(url: str, _s3: S3) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        return measure("benchmarks.script", url, folder)


def dlt_parquet(url: str, s3: S3) -> Measured:
    return _dlt(url, s3, "parquet")


def dlt_delta(url: str, s3: S3) -> Measured:
    return _dlt(url, s3, "delta")


def _dlt(url: str, s3: S3, table_format: str) -> Measured:
    if not DLT_PYTHON.exists():
        raise BenchError("dlt is not installed in .venv-bench; run `make bench`")
    with tempfile.TemporaryDirectory() as folder, s3.fresh_bucket() as bucket:
        # dlt looks for settings in the user's home, and reports its use by default.
        settings = {"DLT_DATA_DIR": folder, "HOME": folder, "RUNTIME__DLTHUB_TELEMETRY": "false"}
        arguments = [url, *bucket, folder, table_format]
        return measure("benchmarks.dlt_pipeline", *arguments, python=DLT_PYTHON, more=settings)


def floor(url: str, _s3: S3) -> Measured:
    """Only the work on the bytes counts: no import, no HTTP, no S3."""
    found = measure("benchmarks.floor", url)
    return Measured(found.said["wall_s"], found.said["cpu_s"], found.peak_mb, found.said)


Contender = Callable[[str, S3], Measured]
CONTENDERS: dict[str, Contender] = {
    "headwaters": headwaters,
    "script": script,
    "script, local files": script_to_files,
    "dlt, Parquet": dlt_parquet,
    "dlt, Delta": dlt_delta,
    "floor": floor,
}


def compare(names: Sequence[str], rows: int, runs: int, s3: S3) -> dict[str, list[Measured]]:
    """Each contender `runs` times, taking turns, so that a busy moment falls on all of them.

    The first round does not count: the fake API makes its answers up in it.
    """
    measured: dict[str, list[Measured]] = {name: [] for name in names}
    with fake_api(rows) as url:
        for turn in range(runs + 1):
            for name in names:
                found = CONTENDERS[name](url, s3)
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
        for aggregation, fingerprint in said.get("aggregations", {}).items():
            if fingerprint != first["aggregations"][aggregation]:
                raise BenchError(f"{name} and {first_name} differ in {aggregation}")
