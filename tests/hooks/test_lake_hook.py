"""The connection `lake`: the bucket it names, and what testing it answers when it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from botocore.client import BaseClient

from include.errors import PermanentError
from include.first.bucket import CLIENT_CONFIG
from include.first.lake import Lake
from plugins.hooks.lake_hook import LakeHook
from tests.faulty_s3 import faulty_s3

SECRET = "a-secret-key"  # LocalStack takes any
Connect = Callable[..., LakeHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, s3_url: str, bucket: str) -> Connect:
    """A hook whose connection leads to a bucket of LocalStack, unless something else is said."""

    def connect(**extra: Any) -> LakeHook:
        connection = {
            "conn_type": "aws",
            "login": "test",
            "password": SECRET,
            "extra": {
                "endpoint_url": s3_url,
                "region_name": "us-east-1",
                "service_config": {"s3": {"bucket_name": bucket}},
            }
            | extra,
        }
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
        return LakeHook()

    return connect


def test_the_hook_opens_the_lake(connect: Connect, s3: BaseClient, bucket: str) -> None:
    """What is put through the hook's lake lies in the bucket that the connection names."""
    lake = connect().get_conn()
    lake.put("vehicle_recalls/raw/hello", b"there")
    assert s3.get_object(Bucket=bucket, Key="vehicle_recalls/raw/hello")["Body"].read() == b"there"


def test_delta_reaches_the_same_bucket(connect: Connect, lake: Lake) -> None:
    """A table made through the hook's lake is there for any other that knows the bucket."""
    schema = pa.schema([("year", pa.int32()), ("nhtsa_id", pa.string())])
    assert connect().get_conn().create("some/table", schema, "year").version == 0
    assert lake.head("some/table").version == 0


def test_the_connection_is_opened_on_first_use_and_once(connect: Connect) -> None:
    """Making a hook asks for no connection; then one lake serves."""
    hook = LakeHook("lake_of_tomorrow")
    with pytest.raises(Exception, match="lake_of_tomorrow"):
        hook.get_conn()
    hook = connect()
    assert hook.get_conn() is hook.get_conn()


def test_a_token_of_a_session_reaches_delta(connect: Connect) -> None:
    """Temporary keys carry a session token, which Delta needs as boto3 does."""
    lake = connect(aws_session_token="for-an-hour").get_conn()
    assert lake.storage_options["AWS_SESSION_TOKEN"] == "for-an-hour"
    assert lake.storage_options["AWS_ACCESS_KEY_ID"] == "test"


def test_timeouts_are_ours_unless_the_connection_says_otherwise(connect: Connect) -> None:
    """The client has this project's bounds; the connection's own settings win over them."""
    config = connect().get_conn().s3.meta.config
    assert config.connect_timeout == CLIENT_CONFIG.connect_timeout
    assert config.retries["total_max_attempts"] == 3
    config = connect(config_kwargs={"read_timeout": 77}).get_conn().s3.meta.config
    assert (config.read_timeout, config.connect_timeout) == (77, CLIENT_CONFIG.connect_timeout)


def test_the_provider_finds_the_endpoint_of_the_service(connect: Connect, s3_url: str) -> None:
    """An endpoint that is set for S3 alone counts for boto3 and for Delta."""
    lake = connect(
        endpoint_url="http://127.0.0.1:9",
        service_config={"s3": {"bucket_name": "b", "endpoint_url": s3_url}},
    ).get_conn()
    assert lake.s3.meta.endpoint_url == lake.storage_options["AWS_ENDPOINT_URL"] == s3_url


@pytest.mark.parametrize("service_config", [{}, {"s3": {}}, {"s3": {"bucket_name": ""}}])
def test_a_connection_without_a_bucket_is_one_line(
    connect: Connect, service_config: dict[str, Any]
) -> None:
    """The error names the connection and shows the extra that is missing."""
    hook = connect(service_config=service_config)
    line = (
        "the connection `lake` names no bucket; add to its extra "
        '{"service_config": {"s3": {"bucket_name": "<bucket>"}}}'
    )
    with pytest.raises(PermanentError) as caught:
        hook.get_conn()
    assert str(caught.value) == line
    assert hook.test_connection() == (False, line)


def test_a_good_connection_says_so(connect: Connect, bucket: str) -> None:
    """Testing a connection that is right names the bucket, empty or not."""
    assert connect().test_connection() == (True, f"the bucket {bucket} can be read")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"service_config": {"s3": {"bucket_name": "not-there"}}}, "create the bucket, or name"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "endpoint of the connection `lake` right"),
    ],
)
def test_a_wrong_connection_is_told(
    connect: Connect, wrong: dict[str, Any], sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing bucket and a dead endpoint each say what to do, and no key."""
    caplog.set_level("INFO")
    good, message = connect(**wrong).test_connection()
    assert not good
    assert sentence in message
    assert "\n" not in message
    assert SECRET not in message + caplog.text


def test_refused_keys_are_told(connect: Connect, s3_url: str) -> None:
    """Keys without the right to the bucket are named as such, at once."""
    with faulty_s3(s3_url) as proxy:
        proxy.fail("GET", status=403)
        good, message = connect(endpoint_url=proxy.url).test_connection()
        assert len(proxy.calls) == 1
    assert not good
    assert "S3 answered AccessDenied; give the connection `lake` the right to it" in message


def test_a_connection_that_is_not_there_is_told() -> None:
    """Testing a connection that nobody made says which one."""
    good, message = LakeHook("lake_of_tomorrow").test_connection()
    assert not good
    assert "lake_of_tomorrow" in message


@pytest.mark.parametrize(
    "extra", [{"service_config": "s3"}, {"service_config": {"s3": {"bucket_name": 7}}}]
)
def test_an_extra_of_the_wrong_shape_is_one_line(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, object]
) -> None:
    """What is no settings object, or no name, is told with the connection's name."""
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    working, told = LakeHook().test_connection()
    assert not working
    assert "the connection `lake`" in told
    assert "\n" not in told
