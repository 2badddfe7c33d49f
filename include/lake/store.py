"""One S3 bucket. Every failure is one line: what happened, to which object, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import obstore
from obstore import exceptions as s3
from obstore.store import S3Store

from include.errors import PermanentError
from include.lake.keys import content_type

MAX_PARALLEL_REQUESTS = 8
TIMEOUT_S, CONNECT_TIMEOUT_S, MAX_RETRIES = 20, 5, 3
# A phrase in what the Rust libraries report, and what a person can do about it.
HINTS = {
    "NoSuchBucket": "create the bucket, or name another one in the connection `lake`",
    "AccessDenied": "grant the connection `lake` access to it",
    "InvalidAccessKeyId": "set keys or a role in the connection `lake`, or AWS_ACCESS_KEY_ID",
    "IMDS": "set keys or a role in the connection `lake`, or AWS_ACCESS_KEY_ID",
    "SignatureDoesNotMatch": "check the keys of the connection `lake`",
    "ExpiredToken": "renew the credentials of the connection `lake`",
    "RequestTimeTooSkewed": "correct the clock of this machine",
    "InvalidBucketName": "correct the bucket's name in the connection `lake`",
    "403 Forbidden": "grant the connection `lake` access to it",
    "InsufficientStorage": "the store is full: free space, then run again",
    "507 ": "the store is full: free space, then run again",
    "error sending request": "check that the endpoint of the connection `lake` is right and up",
}
WORTH_A_RETRY = {"InsufficientStorage", "507 ", "error sending request"}
BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
ENDPOINT = re.compile(r"https?://[\w.-]+(:\d+)?(/[^\s]*)?|https?://\[[0-9a-f:]+\](:\d+)?/?")
T = TypeVar("T")
R = TypeVar("R")


class StoreError(Exception):
    """The store could not do what was asked."""


class StoreRefused(StoreError, PermanentError):
    """The store refuses until a right, a key or a name is corrected."""


class Missing(StoreError, FileNotFoundError):
    """The object does not exist."""


class Damaged(StoreError, PermanentError):
    """The object is not what was written."""


class Conflict(StoreError):
    """Another writer was first."""


class StoredObject(NamedTuple):
    key: str
    size: int
    etag: str


class Store:
    """`options` are those of delta-rs (AWS_REGION, AWS_ENDPOINT_URL, ...), which shares them."""

    def __init__(self, bucket: str, **options: str) -> None:
        # Refused here, because the Rust libraries panic on some of these.
        endpoint = options.get("AWS_ENDPOINT_URL", "")
        if not BUCKET.fullmatch(bucket):
            raise StoreRefused(f"{bucket!r} is not a valid bucket name; use one such as my-lake")
        if endpoint and not ENDPOINT.fullmatch(endpoint):
            raise StoreRefused(
                f"{endpoint!r} is not an endpoint; write it with http:// or https:// and a host"
            )
        self.bucket = bucket
        self._given = options
        config: Any = {
            "timeout": f"{TIMEOUT_S}s",
            "connect_timeout": f"{CONNECT_TIMEOUT_S}s",
            **options,
        }
        self.options: dict[str, str] = {
            **config,
            "max_retries": str(MAX_RETRIES),
            "retry_timeout": f"{TIMEOUT_S}s",
        }
        retry_timeout = timedelta(seconds=TIMEOUT_S)
        try:
            self._s3: Any = S3Store(
                bucket,
                config=config,
                retry_config={"max_retries": MAX_RETRIES, "retry_timeout": retry_timeout},
            )
        except (s3.BaseError, ValueError, TypeError) as error:
            raise StoreRefused(
                f"could not open the bucket {bucket}: {_one_line(error)}; "
                "correct the connection `lake`"
            ) from None

    def other_bucket(self, bucket: str) -> Store:
        """Another bucket, reached the same way."""
        return Store(bucket, **self._given)

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, body: bytes) -> str:
        """Write a new object, never over an existing one; returns its ETag."""
        try:
            with self.explaining("write", key):
                return str(obstore.put(self._s3, key, body, mode="create")["e_tag"])
        except Conflict:
            # A retry after a lost answer finds its own bytes.
            stored = obstore.get(self._s3, key)
            if stored.bytes().to_bytes() == bytes(body):
                return str(stored.meta["e_tag"])
            raise StoreError(
                f"{self.url(key)} exists with other bytes and is never overwritten; start a new run"
            ) from None

    def replace(self, key: str, body: bytes) -> str:
        """Write an object over whatever was there; returns its ETag."""
        kind = {"Content-Type": content_type(key)}
        with self.explaining("write", key):  # in one part, so that S3's ETag is the MD5
            put = obstore.put(self._s3, key, body, attributes=kind, use_multipart=False)
            return str(put["e_tag"])

    def get(self, key: str) -> bytes:
        with self.explaining("read", key):
            return bytes(obstore.get(self._s3, key).bytes())

    def get_if_exists(self, key: str) -> bytes | None:
        try:
            return self.get(key)
        except Missing:
            return None

    def copy(self, source: str, key: str) -> None:
        with self.explaining("copy to", key):
            obstore.copy(self._s3, source, key)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; one that does not exist is no error."""
        if keys := list(keys):
            with self.explaining("delete", keys[0]):
                obstore.delete(self._s3, keys)

    def list(self, folder: str, *, recursive: bool = True) -> dict[str, StoredObject]:
        """The objects of a folder (a whole path segment; "" is the bucket) by key."""
        prefix = folder or None
        with self.explaining("list", folder):
            found = (
                [each for page in obstore.list(self._s3, prefix) for each in page]
                if recursive
                else obstore.list_with_delimiter(self._s3, prefix)["objects"]
            )
        objects = (StoredObject(o["path"], o["size"], str(o["e_tag"])) for o in found)
        return {each.key: each for each in objects}

    @contextmanager
    def explaining(self, verb: str, key: str) -> Iterator[None]:
        """Turn what the libraries raise into one line."""
        try:
            yield
        except (s3.AlreadyExistsError, s3.PreconditionError):
            raise Conflict(f"could not {verb} {self.url(key)}: it exists") from None
        except (s3.NotFoundError, FileNotFoundError) as error:
            if "NoSuchBucket" in str(error):
                raise explained(verb, self.url(key), error) from None
            raise Missing(
                f"{self.url(key)} does not exist; restore it from a copy if it was removed by hand"
            ) from None
        except (s3.BaseError, OSError) as error:
            raise explained(verb, self.url(key), error) from None


def explained(verb: str, where: str, error: Exception) -> StoreError:
    text = str(error)
    for phrase, hint in HINTS.items():
        if phrase in text:
            kind = StoreError if phrase in WORTH_A_RETRY else StoreRefused
            return kind(f"could not {verb} {where}: {_reason(phrase, text)}; {hint}")
    return StoreError(
        f"could not {verb} {where}: {_one_line(error)}; run again, then look at the store"
    )


def _reason(phrase: str, text: str) -> str:
    if code := re.search(r"<Code>(\w+)</Code>", text):
        return f"S3 answered {code[1]}"
    named = {"IMDS": "no keys", "error sending request": "no answer", "507 ": "S3 answered 507"}
    return named.get(phrase, f"S3 answered {phrase}")


def _one_line(error: Exception) -> str:
    return re.sub(r"\x1b\[\d+m|↳|\s+", " ", str(error)).strip()[:200]


def parallel_map(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Run small requests side by side; answers in order, the first failure is raised."""
    items = list(items)
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(MAX_PARALLEL_REQUESTS) as pool:
        return list(pool.map(work, items))
