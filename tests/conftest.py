"""One S3 and one set of fake APIs for all tests; S3_ENGINE=moto replaces LocalStack."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

# Airflow reads its settings and creates its home folder when it is first imported.
PREFIXES = ("AIRFLOW", "LAKE_", "AWS_", "RECALLS_", "SITE_", "VIN_", "VPIC_")
for name in [n for n in os.environ if n.startswith(PREFIXES)]:
    if name != "AWS_CA_BUNDLE":
        del os.environ[name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="headwaters-test-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

import boto3
import pytest
from botocore.client import BaseClient

from fakes.app import create_app
from fakes.control import Control
from fakes.serve import serving
from include.lake.store import Store
from local.s3_engine import running_s3
from tests.faulty_s3 import FaultyS3, faulty_s3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the few long tests first, so that no core idles at the end."""
    items.sort(key=lambda item: "end_to_end" not in item.path.parts)


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_s3(Path(tmp_path_factory.mktemp("s3"))) as url:
        yield url


@cache
def s3_client(url: str) -> BaseClient:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture(scope="session")
def s3(s3_url: str) -> BaseClient:
    return s3_client(s3_url)


@pytest.fixture
def bucket(s3: BaseClient) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def proxy(s3_url: str) -> Iterator[FaultyS3]:
    with faulty_s3(s3_url) as proxy:
        yield proxy


def open_store(url: str, bucket: str) -> Store:
    return Store(
        bucket,
        AWS_ENDPOINT_URL=url,
        AWS_ALLOW_HTTP="true",
        AWS_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )


def new_store(s3: BaseClient, url: str) -> Store:
    """Create a bucket and open it, for fixtures that outlive a test."""
    bucket = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    return open_store(url, bucket)


@pytest.fixture
def store(s3_url: str, bucket: str) -> Store:
    return open_store(s3_url, bucket)


@pytest.fixture
def shaky_store(proxy: FaultyS3, bucket: str) -> Store:
    """The bucket of `store`, through `proxy`."""
    return open_store(proxy.url, bucket)


@pytest.fixture(scope="session")
def _local_apis() -> Iterator[tuple[str, Control]]:
    app = create_app(rows=1_200, seed=7)
    with serving(app) as url:
        yield url, app.state.control


@pytest.fixture
def recalls_url(_local_apis: tuple[str, Control]) -> str:
    return _local_apis[0]


@pytest.fixture
def replica(_local_apis: tuple[str, Control]) -> Iterator[Control]:
    """Controls faults, day, rows and seed of the fake APIs; resets them after each test."""
    control = _local_apis[1]
    control.reset()
    yield control
    control.reset()
