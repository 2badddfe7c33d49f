"""A run in its own process, for tests that let runs race and kill some.

The process prints "ready", waits for a line, and runs.
"""

import subprocess
import sys
from collections.abc import Sequence
from typing import Self

from tests.end_to_end import product
from tests.end_to_end.bucket import Bucket
from tests.end_to_end.days import WAIVE

WAIT_S = 180
READ_TOO_LATE = 3  # exit code: a later day was published before the read began


class RunProcess:
    """The process; leaving its `with` block kills it."""

    def __init__(self, bucket: Bucket, api_url: str, years: Sequence[int] = ()) -> None:
        arguments = [bucket.url, bucket.name, api_url, *map(str, years)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, *arguments],
            cwd=product.ROOT,
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

    def start_run(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> tuple[int, str]:
        """Wait for the end; return the exit code and the errors."""
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors


def main(s3_url: str, name: str, api_url: str, *years: str) -> None:
    bucket = Bucket.open(s3_url, name)
    product.open_store(bucket)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        product.run(api_url, bucket, [int(year) for year in years], waive=WAIVE)
    except product.PermanentError as error:
        if product.failed_checks(error) == ["source went back"]:
            sys.exit(READ_TOO_LATE)
        raise


if __name__ == "__main__":
    main(*sys.argv[1:])
