"""New buckets and sources for each test, on the shared LocalStack."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.end_to_end.bucket import Bucket
from tests.recalls_source import RecallsSource, recalls_source

NewBucket = Callable[[], Bucket]


@pytest.fixture(scope="session")
def new_bucket(s3_url: str) -> NewBucket:
    def make() -> Bucket:
        bucket = Bucket.open(s3_url, f"test-{uuid.uuid4().hex[:12]}")
        bucket.s3.create_bucket(Bucket=bucket.name)
        return bucket

    return make


@pytest.fixture
def bucket(new_bucket: NewBucket) -> Bucket:
    return new_bucket()


@pytest.fixture
def source() -> Iterator[RecallsSource]:
    with recalls_source() as api:
        yield api
