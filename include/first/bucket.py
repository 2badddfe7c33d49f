"""One S3 bucket: put, get, copy, list; and every failure told in one line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    ResponseStreamingError,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from tenacity import retry, retry_if_exception_type, stop_after_attempt

from include.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

# S3 answers small requests in milliseconds; one at a time would leave it waiting.
REQUESTS_AT_ONCE = 8
TIMEOUT_S = 20
ATTEMPTS = 3
REFUSALS = {
    "NoSuchBucket": "create the bucket, or name another in the connection `lake`",
    "InvalidBucketName": "correct the bucket's name in the connection `lake`",
    "AccessDenied": "give the connection `lake` the right to it",
    "403": "give the connection `lake` the right to it",  # a HEAD has no body to say more
    "InvalidAccessKeyId": "set keys or a role in the connection `lake`, or AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check the keys of the connection `lake`",
}
CURES = REFUSALS | {
    "507": "the store is full: free space, then run again",
    "InsufficientStorage": "the store is full: free space, then run again",
    "damaged": "the object is damaged: restore it from a copy",
    "gap": "restore it from a copy",
    "unreachable": "is the endpoint of the connection `lake` right, and up?",
}
CLIENT_CONFIG = Config(
    connect_timeout=5,
    read_timeout=TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    max_pool_connections=REQUESTS_AT_ONCE,
)
T = TypeVar("T")
R = TypeVar("R")


class LakeError(Exception):
    """The lake could not do what was asked: what, where, and what to do, in one line."""


class CommitConflict(LakeError):
    """Another writer committed first; load the head again, compare again, try again."""


class AlreadyThere(LakeError):
    """The key was to be new and is not."""


class LakeRefuses(LakeError, PermanentError):
    """The lake says no, and will say so again until somebody changes a right or a name."""


class Missing(LakeError, FileNotFoundError):
    """What was to be read is not there."""


class Bucket:
    def __init__(self, s3: S3Client, bucket: str, storage_options: Mapping[str, str]) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.storage_options = {
            "max_retries": str(ATTEMPTS),
            "retry_timeout": f"{TIMEOUT_S}s",
            "timeout": f"{TIMEOUT_S}s",
            **storage_options,
        }

    @classmethod
    def connect(
        cls,
        bucket: str,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        session_token: str | None = None,
    ) -> Self:
        """Open a bucket; what is not given is found the way AWS tools find it."""
        session = boto3.Session(access_key, secret_key, session_token, region)
        try:
            s3 = session.client("s3", endpoint_url=endpoint_url, config=CLIENT_CONFIG)
        except ValueError as error:
            raise LakeRefuses(
                f"the lake cannot be opened: {error}; correct LAKE_ENDPOINT_URL or AWS_REGION"
            ) from None
        return cls(s3, bucket, storage_options(session, s3.meta.endpoint_url))

    def put(self, key: str, body: bytes) -> None:
        """Write a new object; what exists under the key is never overwritten."""
        try:
            with self._saying("write", key):
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
        except AlreadyThere:
            # A retry of the same put after a lost answer finds its own bytes.
            if self.get(key) != body:
                raise LakeError(
                    f"s3://{self.bucket}/{key} exists with other bytes and is never overwritten; "
                    "start a new run, which writes under a new token"
                ) from None

    def project(self, key: str, body: bytes, made_from: Mapping[str, str]) -> None:
        """Write a projection over what was there, with what it was made from in the same put."""
        with self._saying("write", key):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, Metadata=made_from)

    def project_copy(self, source: str, key: str, made_from: Mapping[str, str]) -> None:
        with self._saying("copy to", key):
            self.s3.copy_object(
                Bucket=self.bucket,
                Key=key,
                CopySource={"Bucket": self.bucket, "Key": source},
                Metadata=made_from,
                MetadataDirective="REPLACE",
            )

    def made_from(self, key: str) -> dict[str, str] | None:
        """What the projection at this key was made from; None when there is none."""
        try:
            with self._saying("look at", key):
                return self.s3.head_object(Bucket=self.bucket, Key=key)["Metadata"]
        except Missing:
            return None

    def get(self, key: str) -> bytes:
        with self._saying("read", key):
            return self._whole_body(key)

    # boto3 repeats the request, but not the reading of a body that is cut.
    @retry(
        retry=retry_if_exception_type((IncompleteReadError, ResponseStreamingError)),
        stop=stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    def _whole_body(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def size(self, key: str) -> int:
        with self._saying("look at", key):
            return self.s3.head_object(Bucket=self.bucket, Key=key)["ContentLength"]

    def delete(self, key: str) -> None:
        with self._saying("delete", key):
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def keys(self, prefix: str, *, recursive: bool = True) -> Iterator[str]:
        return (found["Key"] for found in self.objects(prefix, recursive=recursive))

    def objects(self, prefix: str = "", *, recursive: bool = True) -> Iterator[ObjectTypeDef]:
        with self._saying("list", prefix):
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, Delimiter="" if recursive else "/"
            )
            for page in pages:
                yield from page.get("Contents", [])

    def copy_from(self, other: Bucket, found: ObjectTypeDef) -> bool:
        """Copy an object, its metadata too, as it was listed; false when it is another by now."""
        key = found["Key"]
        try:
            with self._saying("copy to", key):
                self.s3.copy_object(
                    Bucket=self.bucket,
                    Key=key,
                    CopySource={"Bucket": other.bucket, "Key": key},
                    CopySourceIfMatch=found["ETag"],
                )
        except (AlreadyThere, Missing):
            return False
        return True

    def read_parquet(self, key: str, columns: list[str] | None = None) -> pa.Table:
        # Not pq.read_table: its dataset layer costs more than the reading, with files this small.
        # Nor threads of Arrow: they may outlive the interpreter, which then aborts.
        body = self.get(key)
        try:
            return pq.ParquetFile(pa.BufferReader(body)).read(columns, use_threads=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            where = f"s3://{self.bucket}/{key}"
            raise _told("read", where, in_one_line(error), "damaged") from None

    @staticmethod
    def at_once(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Do small requests side by side, in order; the first failure is raised."""
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            return list(pool.map(work, items))

    @contextmanager
    def _saying(self, verb: str, key: str) -> Iterator[None]:
        """Turn what the S3 libraries raise into one line that says what, where and what to do."""
        where = f"s3://{self.bucket}/{key}"
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            if code == "PreconditionFailed":
                raise AlreadyThere(f"could not {verb} {where}: it exists") from None
            if code in {"NoSuchKey", "404"}:
                raise _missing(where) from None
            raise _told(verb, where, f"S3 answered {code}", code) from None
        except NoCredentialsError:
            raise _told(verb, where, "no keys", "InvalidAccessKeyId") from None
        except ParamValidationError:
            raise _told(verb, where, "no valid name", "InvalidBucketName") from None
        except BotoCoreError as error:
            raise _told(verb, where, type(error).__name__, "unreachable") from None
        except TableNotFoundError:
            raise _missing(where) from None
        except CommitFailedError:
            raise CommitConflict(f"another writer committed to {where} first") from None
        except (DeltaError, OSError) as error:
            raise _told(verb, where, *_inside(str(error))) from None


def in_one_line(error: Exception | str) -> str:
    return " ".join(str(error).split())[:300]


def _missing(where: str) -> Missing:
    return Missing(f"{where} does not exist; if somebody removed it, start a new run")


def _told(verb: str, where: str, reason: str, code: str) -> LakeError:
    cure = CURES.get(code, "run again, and look at the store if it stays so")
    kind = LakeRefuses if code in REFUSALS else LakeError
    return kind(f"could not {verb} {where}: {reason}; {cure}")


def _inside(text: str) -> tuple[str, str]:
    """The reason in what delta-rs says over many coloured lines, and S3's code if it has one."""
    if code := re.search(r"<Code>(\w+)</Code>", text):
        return f"S3 answered {code[1]}", code[1]
    if "found gap" in text:
        return "an entry of its log is gone", "gap"
    if "IMDS" in text:
        return "no keys", "InvalidAccessKeyId"
    if "error sending request" in text or "Connect" in text:
        return "no answer", "unreachable"
    if status := re.search(r"\b([45]\d\d) [A-Z]\w+", text):
        return f"S3 answered {status[0]}", status[1]
    return in_one_line(re.sub(r"\x1b\[\d+m|\u21b3", "", text)), ""


def storage_options(session: boto3.Session, endpoint_url: str) -> dict[str, str]:
    """What delta-rs needs to reach the same bucket with the same rights."""
    options = {"AWS_REGION": session.region_name or "us-east-1"}
    if not endpoint_url.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        options |= {"AWS_ENDPOINT_URL": endpoint_url}
        if endpoint_url.startswith("http://"):
            options |= {"AWS_ALLOW_HTTP": "true"}
    if credentials := session.get_credentials():
        frozen = credentials.get_frozen_credentials()
        options |= {
            "AWS_ACCESS_KEY_ID": frozen.access_key or "",
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key or "",
        }
        if frozen.token:
            options |= {"AWS_SESSION_TOKEN": frozen.token}
    return options
