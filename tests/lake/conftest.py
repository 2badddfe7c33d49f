"""The lake behind a proxy that breaks what it is told to."""

from __future__ import annotations

import pytest

from include.first.lake import Lake
from tests.faulty_s3 import FaultyS3
from tests.lake.things import opened


@pytest.fixture
def shaky(proxy: FaultyS3, bucket: str) -> Lake:
    """The same bucket as `lake`, behind the proxy."""
    return opened(proxy.url, bucket)
