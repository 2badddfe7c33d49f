"""The connection `lake`: its S3 settings, and the messages for invalid ones."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from include.errors import PermanentError
from plugins.hooks.store_hook import StoreHook
from tests.faulty_s3 import FaultyS3

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a-secret-key"  # LocalStack accepts any
Connect = Callable[..., StoreHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, s3_url: str, bucket: str) -> Connect:
    """Creates a hook for a LocalStack bucket; `extra` overrides settings."""

    def connect(*, keys: bool = True, **extra: Any) -> StoreHook:
        settings = {
            "endpoint_url": s3_url,
            "region_name": "us-east-1",
            "service_config": {"s3": {"bucket_name": bucket}},
        }
        connection = {"conn_type": "aws", "extra": settings | extra}
        if keys:
            connection |= {"login": "test", "password": SECRET}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
        return StoreHook()

    return connect


def test_get_conn_opens_the_bucket_of_the_connection(
    connect: Connect, s3: BaseClient, bucket: str
) -> None:
    store = connect().get_conn()
    store.put("vehicle_recalls/raw/hello", b"there")
    assert s3.get_object(Bucket=bucket, Key="vehicle_recalls/raw/hello")["Body"].read() == b"there"


def test_get_conn_passes_endpoint_and_credentials_to_delta(connect: Connect, s3_url: str) -> None:
    """The endpoint of S3 overrides the endpoint of all services."""
    store = connect(
        aws_session_token="for-an-hour",
        endpoint_url="http://127.0.0.1:9",
        service_config={"s3": {"bucket_name": "lake", "endpoint_url": s3_url}},
        region_name="eu-central-1",
    ).get_conn()
    passed = {name: value for name, value in store.options.items() if name.startswith("AWS_")}
    assert passed == {
        "AWS_ENDPOINT_URL": s3_url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": "for-an-hour",
    }


def test_get_conn_for_aws_sets_no_endpoint(connect: Connect) -> None:
    options = connect(endpoint_url=None).get_conn().options
    assert not {"AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP"} & options.keys()


def test_get_conn_with_plain_keys_imports_no_boto3() -> None:
    extra = {"service_config": {"s3": {"bucket_name": "lake"}}}
    connection = {"conn_type": "aws", "login": "a", "password": "b", "extra": extra}
    code = (
        f"import os, sys; os.environ['AIRFLOW_CONN_LAKE'] = {json.dumps(connection)!r}\n"
        "from plugins.hooks.store_hook import StoreHook; StoreHook().get_conn()\n"
        "assert 'boto3' not in sys.modules and 'botocore' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_get_conn_with_a_profile_uses_its_keys_and_region(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile analysts]\nregion = eu-west-3\n")
    (tmp_path / "credentials").write_text(
        "[analysts]\naws_access_key_id = of-the-profile\naws_secret_access_key = its-secret\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    options = connect(keys=False, profile_name="analysts", region_name=None).get_conn().options
    assert options["AWS_ACCESS_KEY_ID"] == "of-the-profile"
    assert options["AWS_SECRET_ACCESS_KEY"] == "its-secret"
    assert options["AWS_REGION"] == "eu-west-3"


def test_test_connection_names_the_unknown_profile(connect: Connect) -> None:
    good, sentence = connect(keys=False, profile_name="no-such").test_connection()
    assert not good
    assert "the connection `lake` cannot be used" in sentence
    assert "no-such" in sentence


@pytest.mark.parametrize("service_config", [{}, {"s3": {}}, "s3"])
def test_connection_without_a_bucket_shows_the_extra_to_add(
    connect: Connect, service_config: object
) -> None:
    hook = connect(service_config=service_config)
    sentence = (
        "the connection `lake` names no bucket; add to its extra "
        '{"service_config": {"s3": {"bucket_name": "<bucket>"}}}'
    )
    with pytest.raises(PermanentError) as caught:
        hook.get_conn()
    assert str(caught.value) == sentence
    assert hook.test_connection() == (False, sentence)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"region_name": 7}, "could not open the bucket .*; correct the connection `lake`"),
        ({"endpoint_url": 7}, "'7' is not an endpoint; write it with http"),
        ({"service_config": {"s3": {"bucket_name": ""}}}, "'' is not a valid bucket name"),
        ({"service_config": {"s3": {"bucket_name": 7}}}, "'7' is not a valid bucket name"),
    ],
)
def test_connection_with_invalid_value_is_refused(
    connect: Connect, wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PermanentError, match=sentence):
        connect(**wrong).get_conn()


def test_test_connection_success_names_the_bucket(connect: Connect, bucket: str) -> None:
    assert connect().test_connection() == (True, f"the bucket {bucket} is readable")


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"service_config": {"s3": {"bucket_name": "not-there"}}}, "create the bucket, or name"),
        ({"endpoint_url": "http://127.0.0.1:9"}, "endpoint of the connection `lake` is right"),
    ],
)
def test_test_connection_failure_gives_a_hint_and_no_secret(
    connect: Connect, wrong: dict[str, Any], hint: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    good, sentence = connect(**wrong).test_connection()
    assert not good
    assert hint in sentence
    assert "\n" not in sentence
    assert SECRET not in sentence + caplog.text


def test_test_connection_with_refused_keys_gives_a_hint(connect: Connect, proxy: FaultyS3) -> None:
    proxy.fail("GET", status=403)
    good, sentence = connect(endpoint_url=proxy.url).test_connection()
    assert not good
    assert "grant the connection `lake` access" in sentence


def test_test_connection_names_the_unknown_connection() -> None:
    good, sentence = StoreHook("lake_of_tomorrow").test_connection()
    assert not good
    assert "lake_of_tomorrow" in sentence
