"""A publisher as a process of its own, for tests that let many race and kill some.

It says "ready", waits for a line, and then makes one run for each pair of a source and years
that it was given, as JSON; it says what each did.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from include.errors import PermanentError
from include.first.lake import LakeError
from include.vehicle_recalls.extract import SourceChanged
from include.vehicle_recalls.run import run
from include.vehicle_recalls.source import RecallsApi
from tests.vehicle_recalls.days import open_lake

ROOT = Path(__file__).parents[2]
WAIT_S = 120
Jobs = Sequence[tuple[str, Sequence[int]]]  # the source's address, and the years; none: all


class Publisher:
    """The process, as the test holds it; use it in a `with`, which leaves no process behind."""

    def __init__(self, s3_url: str, bucket: str, jobs: Jobs) -> None:
        command = [sys.executable, "-m", __name__, s3_url, bucket, json.dumps(jobs)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.process.communicate()

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def begin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """How it ended, what its runs did, and what it complained of."""
        said, complaints = self.process.communicate(timeout=WAIT_S)
        told = [json.loads(line) for line in said.splitlines()]
        return self.process.returncode, told, complaints


def main(s3_url: str, bucket: str, jobs: str) -> None:
    lake = open_lake(s3_url, bucket)
    print("ready", flush=True)
    sys.stdin.readline()
    for url, years in json.loads(jobs):
        try:
            published = run(RecallsApi(url), lake, years)
        except (LakeError, PermanentError, SourceChanged) as error:
            sys.exit(str(error))
        print(json.dumps(published), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
