from __future__ import annotations

import pytest

from include.lake.store import Store
from tests.faulty_s3 import FaultyS3


def open_store(url: str, bucket: str) -> Store:
    return Store(
        bucket,
        AWS_ENDPOINT_URL=url,
        AWS_ALLOW_HTTP="true",
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )


@pytest.fixture
def store(s3_url: str, bucket: str) -> Store:
    return open_store(s3_url, bucket)


@pytest.fixture
def shaky_store(proxy: FaultyS3, bucket: str) -> Store:
    """The same bucket, behind a proxy that a test can make fail."""
    return open_store(proxy.url, bucket)
