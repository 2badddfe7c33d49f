"""What the contenders talk to, and what is not measured: the fake API and LocalStack."""

import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import boto3

from benchmarks.measure import ROOT, BenchError, environment
from local import s3_engine
from local.environment import LOCAL_KEY, LOCAL_REGION


class Bucket(NamedTuple):
    """A bucket of LocalStack, as the programs that are measured get it."""

    s3_url: str
    name: str


class S3:
    """A LocalStack, and how many requests it answered."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._log = s3_engine.log_of(folder)

    def requests(self) -> int:
        return self._log.read_bytes().count(b" AWS s3.")

    @contextmanager
    def fresh_bucket(self) -> Iterator[Bucket]:
        with fresh_bucket(self.url) as name:
            yield Bucket(self.url, name)


@contextmanager
def fresh_bucket(s3_url: str) -> Iterator[str]:
    """A bucket that was never used, so that nothing is there already; deleted afterwards."""
    s3 = boto3.resource(
        "s3",
        endpoint_url=s3_url,
        region_name=LOCAL_REGION,
        aws_access_key_id=LOCAL_KEY,
        aws_secret_access_key=LOCAL_KEY,
    )
    bucket = s3.create_bucket(Bucket=f"bench-{uuid.uuid4().hex[:12]}")
    try:
        yield bucket.name
    finally:
        bucket.objects.delete()
        bucket.delete()


@contextmanager
def running_s3() -> Iterator[S3]:
    with (
        tempfile.TemporaryDirectory() as folder,
        s3_engine.running_s3(Path(folder), "localstack") as url,
    ):
        yield S3(url, Path(folder))


@contextmanager
def fake_api(rows: int) -> Iterator[str]:
    command = [sys.executable, "-m", "fakes", "--rows", str(rows), "--port", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        said = process.stdout.readline().split() if process.stdout else []
        if said[:1] != ["ready"]:
            raise BenchError("the fake API did not start; try `python -m fakes`")
        yield said[1]
    finally:
        process.terminate()
        process.wait()
