"""A run in a process of its own, for tests that let many race and kill some.

It says "ready", waits for a line, and makes one run.
"""

import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from tests.end_to_end import house
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.days import WAIVE

WAIT_S = 180
CAME_TOO_LATE = 3  # the exit code of a read that began after a later day was published


class Racer:
    """The process, as the test holds it; use it in a `with`, which leaves no process behind."""

    def __init__(self, bucket: Bucket, api_url: str, years: Sequence[int] = ()) -> None:
        arguments = [bucket.url, bucket.name, api_url, *map(str, years)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, *arguments],
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

    def end(self) -> tuple[int, str]:
        """How it ended, and what it complained of."""
        _, complaints = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, complaints


def main(s3_url: str, name: str, api_url: str, *years: str) -> None:
    bucket = Bucket.open(s3_url, name)
    house.open_store(bucket)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        house.run(api_url, bucket, [int(year) for year in years], waive=WAIVE)
    except house.PermanentError as error:
        if house.failed_checks(error) == ["source went back"]:
            sys.exit(CAME_TOO_LATE)
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
