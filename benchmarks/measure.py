"""Run a program as a fresh process, and say what it took: wall time, CPU time, peak memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """A measurement could not be made, or cannot be trusted: one line that says why."""


@dataclass(frozen=True)
class Measured:
    """From the start of the process to its end, imports included, its children with it."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    said: Any  # the last line it printed, as JSON


def measure(
    module: str,
    *arguments: str,
    python: Path = Path(sys.executable),
    more: Mapping[str, str] | None = None,
) -> Measured:
    command: Sequence[str] = [str(python), "-m", module, *arguments]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=ROOT,
            env=environment() | dict(more or {}),
        )
        # wait4 and not Popen.wait: it gives the usage of this child alone, and of its children.
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        lines = out.read().splitlines()
        if process.returncode or not lines:
            tail = "\n".join(err.read().splitlines()[-15:])
            raise BenchError(
                f"{module} ended with {process.returncode} and is not measured:\n{tail}"
            )
    return Measured(
        wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, json.loads(lines[-1])
    )


def environment() -> dict[str, str]:
    """Nothing of the user's settings: no AWS profile, no proxy, no dlt configuration."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "AWS_EC2_METADATA_DISABLED": "true",
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # as Airflow has it here; the same for all
    }
