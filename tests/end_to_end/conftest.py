"""Buckets and sources of a test's own, on the LocalStack that all tests share."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.end_to_end.bucket import Bucket
from tests.recalls_source import RecallsSource, recalls_source

NewBucket = Callable[[], Bucket]


@pytest.fixture(scope="session")
def new_bucket(s3_url: str) -> NewBucket:
    """Makes empty buckets."""

    def make() -> Bucket:
        made = Bucket.open(s3_url, f"judge-{uuid.uuid4().hex[:12]}")
        made.s3.create_bucket(Bucket=made.name)
        return made

    return make


@pytest.fixture
def bucket(new_bucket: NewBucket) -> Bucket:
    return new_bucket()


@pytest.fixture
def source() -> Iterator[RecallsSource]:
    with recalls_source() as made:
        yield made
