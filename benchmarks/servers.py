"""What the contenders talk to, and what is not measured: the local API and LocalStack."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import boto3

from benchmarks.measure import ROOT, BenchError, environment
from local.environment import LOCAL_KEY, LOCAL_REGION


@contextmanager
def local_api(rows: int) -> Iterator[str]:
    command = [sys.executable, "-m", "fakes", "--rows", str(rows), "--port", "0"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        said = process.stdout.readline().split() if process.stdout else []
        if said[:1] != ["ready"]:
            raise BenchError("the local API did not start; try `python -m fakes`")
        yield said[1]
    finally:
        process.terminate()
        process.wait()


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
