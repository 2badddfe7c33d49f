"""The proxy that fails on purpose is held to its word: by default it changes nothing at all."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from tests.faulty_s3 import Call, FaultyS3, faulty_s3

SCHEMA = pa.schema([pa.field("n", pa.int64())])


@pytest.fixture
def proxy(s3_url: str) -> Iterator[FaultyS3]:
    with faulty_s3(s3_url) as proxy:
        yield proxy


def _client(url: str, *, attempts: int) -> BaseClient:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": attempts}),
    )


@pytest.fixture
def patient(proxy: FaultyS3) -> BaseClient:
    """A client that repeats what failed, once."""
    return _client(proxy.url, attempts=2)


@pytest.fixture
def impatient(proxy: FaultyS3) -> BaseClient:
    return _client(proxy.url, attempts=1)


def _options(proxy: FaultyS3) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": proxy.url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
    }


def _append(uri: str, options: dict[str, str], number: int) -> None:
    write_deltalake(
        uri,
        pa.table({"n": [number]}),
        mode="append",
        storage_options=options,
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def _numbers(uri: str, options: dict[str, str]) -> list[int]:
    table = DeltaTable(uri, storage_options=options).to_pyarrow_table()
    return sorted(table["n"].to_pylist())


def _body(s3: BaseClient, bucket: str, key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _status(error: pytest.ExceptionInfo[ClientError]) -> int:
    return error.value.response["ResponseMetadata"]["HTTPStatusCode"]


def test_put_get_copy_list_and_delete_pass(
    proxy: FaultyS3, impatient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """What is done through the proxy is done in S3, and each call is noted under its name."""
    impatient.put_object(
        Bucket=bucket, Key="a/year=2019 ä.txt", Body=b"hello", Metadata={"by": "me"}
    )
    impatient.copy_object(
        Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a/year=2019 ä.txt"}
    )
    assert _body(impatient, bucket, "b") == b"hello"
    assert impatient.head_object(Bucket=bucket, Key="b")["ContentLength"] == 5
    listed = impatient.list_objects_v2(Bucket=bucket)["Contents"]
    assert [thing["Key"] for thing in listed] == ["a/year=2019 ä.txt", "b"]
    impatient.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "b"}]})
    impatient.delete_object(Bucket=bucket, Key="a/year=2019 ä.txt")

    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert [(call.method, call.path) for call in proxy.calls] == [
        ("PUT", f"/{bucket}/a/year=2019 ä.txt"),
        ("COPY", f"/{bucket}/b"),
        ("GET", f"/{bucket}/b"),
        ("HEAD", f"/{bucket}/b"),
        ("GET", f"/{bucket}"),
        ("POST", f"/{bucket}"),
        ("DELETE", f"/{bucket}/a/year=2019 ä.txt"),
    ]
    assert [call.method for call in proxy.changes] == ["PUT", "COPY", "POST", "DELETE"]


def test_a_large_multipart_upload_arrives_whole(
    proxy: FaultyS3, impatient: BaseClient, s3: BaseClient, bucket: str, tmp_path: Path
) -> None:
    """20 MB in parts on several connections come out of S3, and back through the proxy, as sent."""
    content = hashlib.shake_256(b"seed").digest(20 * 1024 * 1024)
    (tmp_path / "large").write_bytes(content)
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20)
    impatient.upload_file(str(tmp_path / "large"), bucket, "large", Config=parts)
    assert _body(s3, bucket, "large") == content
    assert _body(impatient, bucket, "large") == content
    assert sum("partNumber=" in call.query for call in proxy.changes) == 4


def test_a_body_in_signed_chunks_of_unknown_length_passes(
    impatient: BaseClient, s3: BaseClient, bucket: str, tmp_path: Path
) -> None:
    """A stream that is sent as aws-chunked, with its checksum in the trailer, arrives whole."""
    (tmp_path / "stream").write_bytes(b"x" * 300_000)
    with (tmp_path / "stream").open("rb") as stream:
        impatient.put_object(Bucket=bucket, Key="k", Body=stream, ChecksumAlgorithm="SHA256")
    assert _body(s3, bucket, "k") == b"x" * 300_000


def test_put_if_absent_has_one_winner(impatient: BaseClient, s3: BaseClient, bucket: str) -> None:
    """The second conditional put is told 412 and changes nothing."""
    impatient.put_object(Bucket=bucket, Key="lock", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError) as error:
        impatient.put_object(Bucket=bucket, Key="lock", Body=b"second", IfNoneMatch="*")
    assert _status(error) == 412
    assert _body(s3, bucket, "lock") == b"first"


def test_a_signature_made_for_the_proxy_is_valid_in_s3(
    impatient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """A presigned address works through the proxy, and one with another signature does not."""
    s3.put_object(Bucket=bucket, Key="k", Body=b"signed")
    url = impatient.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert requests.get(url, timeout=10).content == b"signed"
    assert requests.get(url[:-3] + "000", timeout=10).status_code == 403


def test_delta_commits_through_the_proxy(proxy: FaultyS3, s3_url: str, bucket: str) -> None:
    """A Delta table is created and appended to, and its log entries are seen as puts."""
    uri = f"s3://{bucket}/table"
    DeltaTable.create(uri, SCHEMA, storage_options=_options(proxy))
    _append(uri, _options(proxy), 1)
    assert _numbers(uri, {**_options(proxy), "AWS_ENDPOINT_URL": s3_url}) == [1]
    assert [call.path for call in proxy.changes if "_delta_log" in call.path] == [
        f"/{bucket}/table/_delta_log/{version:020}.json" for version in (0, 1)
    ]


def test_the_nth_call_is_refused_until_cleared(
    proxy: FaultyS3, impatient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """Calls before the nth pass, the nth and later ones never reach S3, reads are left alone."""
    proxy.fail(nth=2, status=500)
    impatient.put_object(Bucket=bucket, Key="1", Body=b"")
    for key in ("2", "3"):
        with pytest.raises(ClientError) as error:
            impatient.put_object(Bucket=bucket, Key=key, Body=b"")
        assert _status(error) == 500
    listed = impatient.list_objects_v2(Bucket=bucket)["Contents"]
    assert [thing["Key"] for thing in listed] == ["1"]
    proxy.clear()
    impatient.put_object(Bucket=bucket, Key="2", Body=b"")
    assert _body(s3, bucket, "2") == b""
    assert [str(call) for call in proxy.changes] == [f"PUT /{bucket}/2"]


def test_a_fault_of_one_time_is_over_after_it(
    proxy: FaultyS3, patient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """A client that repeats its call gets through when the fault is set for one time."""
    proxy.fail(f"PUT /{bucket}/k", times=1, status=503)
    patient.put_object(Bucket=bucket, Key="k", Body=b"kept")
    assert _body(s3, bucket, "k") == b"kept"
    assert len(proxy.changes) == 2


def test_a_match_may_be_a_callable(
    proxy: FaultyS3, impatient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """A callable decides by the call, so that only the copy is refused, head requests included."""

    def copies_and_heads(call: Call) -> bool:
        return call.method in {"COPY", "HEAD"}

    proxy.fail(copies_and_heads, status=403)
    impatient.put_object(Bucket=bucket, Key="k", Body=b"1")
    with pytest.raises(ClientError, match="AccessDenied"):
        impatient.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"})
    with pytest.raises(ClientError) as error:
        impatient.head_object(Bucket=bucket, Key="k")
    assert _status(error) == 403
    assert [thing["Key"] for thing in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_a_cut_line_is_an_error_of_the_connection(
    proxy: FaultyS3, impatient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """A fault without a status closes the connection before S3 sees the call."""
    proxy.fail(status=None)
    with pytest.raises(HTTPClientError):
        impatient.put_object(Bucket=bucket, Key="k", Body=b"")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_after_the_network_died_nothing_passes(
    proxy: FaultyS3, patient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """From the nth change on reads are refused as well, and no client wastes time on repeating."""
    proxy.refuse_from(2)
    patient.put_object(Bucket=bucket, Key="1", Body=b"")
    with pytest.raises(ClientError):
        patient.put_object(Bucket=bucket, Key="2", Body=b"")
    with pytest.raises(ClientError):
        patient.get_object(Bucket=bucket, Key="1")
    assert [thing["Key"] for thing in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["1"]
    assert len(proxy.calls) == 3


def test_a_lost_answer_leaves_the_change_in_s3(
    proxy: FaultyS3, impatient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """The caller sees an error, S3 has the object, and the next call is answered again."""
    proxy.drop_reply("/k")
    with pytest.raises(HTTPClientError):
        impatient.put_object(Bucket=bucket, Key="k", Body=b"done")
    assert _body(s3, bucket, "k") == b"done"
    assert _body(impatient, bucket, "k") == b"done"


def test_a_client_that_repeats_a_lost_conditional_put_is_told_it_lost(
    proxy: FaultyS3, patient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """The repeated put meets its own object: a winner hears 412 and must look for itself."""
    proxy.drop_reply("/lock")
    with pytest.raises(ClientError) as error:
        patient.put_object(Bucket=bucket, Key="lock", Body=b"mine", IfNoneMatch="*")
    assert _status(error) == 412
    assert _body(s3, bucket, "lock") == b"mine"


def test_a_second_publisher_gets_in_before(proxy: FaultyS3, s3_url: str, bucket: str) -> None:
    """A commit that runs in the hook wins the version, and the one that was held back conflicts."""
    uri, straight = f"s3://{bucket}/table", {**_options(proxy), "AWS_ENDPOINT_URL": s3_url}
    DeltaTable.create(uri, SCHEMA, storage_options=straight)
    proxy.before(lambda: _append(uri, straight, 2), f"PUT /{bucket}/table/_delta_log/")
    with pytest.raises(CommitFailedError):
        _append(uri, _options(proxy), 1)
    assert _numbers(uri, straight) == [2]


def test_a_lost_answer_with_a_second_publisher_in_between(
    proxy: FaultyS3, s3_url: str, bucket: str
) -> None:
    """The winner hears the same conflict as a loser, though its commit is in the log, once."""
    uri, straight = f"s3://{bucket}/table", {**_options(proxy), "AWS_ENDPOINT_URL": s3_url}
    DeltaTable.create(uri, SCHEMA, storage_options=straight)
    first_entry = "PUT /" + bucket + "/table/_delta_log/00000000000000000001.json"
    proxy.drop_reply(first_entry)
    proxy.after(lambda: _append(uri, straight, 2), first_entry)
    with pytest.raises(CommitFailedError):
        _append(uri, _options(proxy), 1)
    assert _numbers(uri, straight) == [1, 2]


def test_calls_in_parallel_are_all_counted(
    proxy: FaultyS3, impatient: BaseClient, s3: BaseClient, bucket: str
) -> None:
    """Of 40 puts from 8 threads with the third refused, 39 objects are there."""
    proxy.fail(nth=3, times=1, status=403)

    def put(thread: int) -> None:
        for number in range(5):
            with suppress(ClientError):
                impatient.put_object(Bucket=bucket, Key=f"{thread}/{number}", Body=b"x")

    threads = [threading.Thread(target=put, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(proxy.changes) == 40
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 39


def test_an_error_in_a_hook_is_raised_when_the_block_ends(s3_url: str, bucket: str) -> None:
    """A broken hook cannot pass for a fault of the network."""

    def broken() -> None:
        raise LookupError("the hook is broken")

    def use_it() -> None:
        with faulty_s3(s3_url) as proxy:
            proxy.before(broken)
            with suppress(HTTPClientError):
                _client(proxy.url, attempts=1).put_object(Bucket=bucket, Key="k", Body=b"")

    with pytest.raises(LookupError, match="the hook is broken"):
        use_it()


def test_nothing_is_left_when_the_block_ends(s3_url: str) -> None:
    """A connection that is kept alive does not hold the proxy open, and its port is closed."""
    before = set(threading.enumerate())
    with faulty_s3(s3_url) as proxy:
        client = _client(proxy.url, attempts=1)
        client.list_buckets()
        ours = set(threading.enumerate()) - before
    assert len(ours) >= 2, "the server and the connection that is kept alive"
    assert not any(thread.is_alive() for thread in ours)
    with pytest.raises(EndpointConnectionError):
        client.list_buckets()
