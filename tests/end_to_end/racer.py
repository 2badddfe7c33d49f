"""A run in a process of its own, for tests that let many race and kill some.

It says "ready", waits for a line, and makes one run for each pair of an API's address and years.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Self

from tests.end_to_end import house
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.days import WAIVE

WAIT_S = 180
CAME_TOO_LATE = 3  # the exit code of a read that began after a later day was published
Jobs = Sequence[tuple[str, Sequence[int]]]  # the API's address, and the years; none: all


class Racer:
    """The process, as the test holds it; use it in a `with`, which leaves no process behind."""

    def __init__(self, bucket: Bucket, jobs: Jobs) -> None:
        command = [sys.executable, "-m", __name__, bucket.url, bucket.name, json.dumps(jobs)]
        self.process = subprocess.Popen(
            command,
            cwd=house.ROOT,
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
        return self.process.returncode, [json.loads(line) for line in said.splitlines()], complaints


def main(s3_url: str, name: str, jobs: str) -> None:
    bucket = Bucket.open(s3_url, name)
    house.open_store(bucket)
    print("ready", flush=True)
    sys.stdin.readline()
    for url, years in json.loads(jobs):
        try:
            told = house.run(url, bucket, years, waive=WAIVE)
        except house.PermanentError as error:
            if house.failed_checks(error) == ["source went back"]:
                sys.exit(CAME_TOO_LATE)
            raise
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
