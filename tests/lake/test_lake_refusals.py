"""Faults and refusals, each one line that names what, where and what to do."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

import pyarrow as pa
import pytest

from include.errors import PermanentError
from include.first.lake import CommitConflict, Lake, LakeError
from include.first.parquet import to_parquet
from tests.faulty_s3 import FaultyS3, faulty_s3
from tests.lake.things import LOG, SCHEMA, SECRET, TABLE, assert_told, commit, opened, versions_of


def test_commands_find_the_lake_in_the_environment(
    s3_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bucket and endpoint by our names, rights and region by the names of AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    named = {"LAKE_BUCKET": bucket, "LAKE_ENDPOINT_URL": s3_url, "AWS_REGION": "eu-west-1"}
    lake = Lake.from_environment(named)
    lake.put("k", b"hello")
    assert lake.create(TABLE, SCHEMA, "year").version == 0
    assert lake.storage_options["AWS_REGION"] == "eu-west-1"


@pytest.mark.parametrize(
    ("environment", "endpoint"),
    [
        ({}, "https://s3.eu-west-1.amazonaws.com"),
        ({"LAKE_ENDPOINT_URL": ""}, "https://s3.eu-west-1.amazonaws.com"),
        ({"LAKE_ENDPOINT_URL": "http://127.0.0.1:1"}, "http://127.0.0.1:1"),
    ],
)
def test_without_an_endpoint_the_lake_is_at_aws(environment: dict[str, str], endpoint: str) -> None:
    """An empty endpoint is none; the default region is a region."""
    named = {"LAKE_BUCKET": "b", "AWS_DEFAULT_REGION": "eu-west-1"} | environment
    assert Lake.from_environment(named).s3.meta.endpoint_url == endpoint


@pytest.mark.parametrize("environment", [{}, {"LAKE_BUCKET": ""}])
def test_without_a_bucket_a_command_says_what_to_do(environment: dict[str, str]) -> None:
    """Nothing is guessed: one line that trying again does not help."""
    with pytest.raises(PermanentError) as error:
        Lake.from_environment(environment)
    assert_told(error.value, "LAKE_BUCKET is not set", "make lake")


def _put(lake: Lake) -> None:
    lake.put("k", b"1")


def _get(lake: Lake) -> None:
    lake.get("k")


def _list(lake: Lake) -> None:
    list(lake.keys("k"))


def _copy(lake: Lake) -> None:
    lake.project_copy("k", "l", {})


def _load(lake: Lake) -> None:
    lake.head(TABLE)


def _create(lake: Lake) -> None:
    lake.create(TABLE, SCHEMA, "year")


WORK: tuple[Callable[[Lake], None], ...] = (_put, _get, _list, _copy, _load, _create)


def _refused(lake: Lake, work: Iterable[Callable[[Lake], None]], *words: str) -> None:
    """Each piece of work fails with one line that has these words."""
    for attempt in work:
        with pytest.raises(LakeError) as error:
            attempt(lake)
        assert_told(error.value, "could not ", f"s3://{lake.bucket}/", *words)


def test_a_missing_bucket_is_named(s3_url: str) -> None:
    """The message says which bucket is not there, and what to do."""
    lake = opened(s3_url, "no-such-bucket")
    _refused(lake, WORK, "NoSuchBucket", "create the bucket", "`lake`")


def test_an_endpoint_that_is_down_is_named_as_the_cause(bucket: str) -> None:
    """Where nobody listens the message says so, and asks for the endpoint."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        lake = opened(f"http://127.0.0.1:{nobody.getsockname()[1]}", bucket)
        _refused(lake, WORK, "endpoint", "`lake`")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, ["AccessDenied", "give the connection `lake` the right"]),
        (500, ["InternalError", "run again"]),
        (507, ["Insufficient", "run again"]),
    ],
)
def test_a_refusal_is_one_line(proxy: FaultyS3, shaky: Lake, status: int, words: list[str]) -> None:
    """Each refusal says what could not be done, where, what S3 answered, and what to do."""
    proxy.fail(lambda _: True, status=status)
    _refused(shaky, WORK, *words)


def test_a_store_that_stays_busy_is_one_line(proxy: FaultyS3, shaky: Lake) -> None:
    """A storm that outlasts the patience of both libraries ends in the same kind of line."""
    proxy.fail(lambda _: True, status=503)
    _refused(shaky, (_put, _load), "SlowDown", "run again")


@pytest.mark.parametrize("status", [403, 500, 503, 507, None])
def test_a_refused_commit_is_one_line_and_no_conflict(
    proxy: FaultyS3, shaky: Lake, lake: Lake, status: int | None
) -> None:
    """Refused is not lost to another: the message says refused, and no version appears."""
    lake.create(TABLE, SCHEMA, "year")
    proxy.fail(f"PUT /{lake.bucket}/{LOG}", status=status)
    with pytest.raises(LakeError) as error:
        commit(shaky, 2019, 1)
    assert not isinstance(error.value, CommitConflict)
    assert_told(error.value, f"could not commit to s3://{lake.bucket}/{TABLE}", "; ")
    assert versions_of(lake) == [0]


def test_a_denied_look_says_what_a_denied_read_says(proxy: FaultyS3, shaky: Lake) -> None:
    """S3 answers HEAD without a body; the cure is the same all the same."""
    proxy.fail("HEAD", status=403)
    with pytest.raises(LakeError) as error:
        shaky.made_from("k")
    assert_told(error.value, "give the connection `lake` the right")


def test_a_short_storm_is_waited_out(lake: Lake) -> None:
    """A client that is refused twice asks a third time, and gets its answer."""
    lake.put("k", b"hello")
    with faulty_s3(lake.s3.meta.endpoint_url) as proxy:
        proxy.fail("GET", times=2)
        assert opened(proxy.url, lake.bucket).get("k") == b"hello"


def test_the_endpoint_of_the_environment_serves_both_libraries(
    s3_url: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where boto3 finds the endpoint by itself, Delta goes to the same one."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    lake = Lake.connect(bucket, region="us-east-1")
    lake.put("k", b"hello")
    assert lake.create(TABLE, SCHEMA, "year").version == 0


@pytest.mark.parametrize("damage", ["empty", "cut", "overwritten"])
def test_a_damaged_parquet_is_one_clear_line(lake: Lake, damage: str) -> None:
    """It names the object and the cure, whatever Arrow makes of it."""
    body = to_parquet(pa.table({"a": ["some text"] * 1_000}))
    zeros = bytes(len(body) // 4)
    lake.put("a.parquet", body)
    assert lake.read_parquet("a.parquet").num_rows == 1_000
    damaged = {
        "empty": b"",
        "cut": body[:-9],
        "overwritten": body[:4] + zeros + body[4:][len(zeros) :],
    }
    lake.project("a.parquet", damaged[damage], {})
    with pytest.raises(LakeError) as error:
        lake.read_parquet("a.parquet")
    text = str(error.value)
    assert f"could not read s3://{lake.bucket}/a.parquet: " in text
    assert "the object is damaged: restore it from a copy" in text
    assert "\n" not in text
