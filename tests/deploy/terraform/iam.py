"""The actions that an IAM policy allows and an S3 request needs; without conditions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET

from tests.faulty_s3 import Call

POLICIES = Path(__file__).resolve().parents[3] / "deploy" / "terraform" / "policies"
LAKE = "arn:aws:s3:::lake"
NAMES = {
    "lake": LAKE,
    "answers": "arn:aws:s3:::lake-athena",
    "news": "arn:aws:sns:eu-central-1:123456789012:headwaters-news",
    "workgroup": "arn:aws:athena:eu-central-1:123456789012:workgroup/headwaters",
    "glue": "arn:aws:glue:eu-central-1:123456789012",
    "database": "headwaters",
}
# Headers that need a separate action.
EXTRAS = {"x-amz-acl": "s3:PutObjectAcl", "x-amz-tagging": "s3:PutObjectTagging"}


class Need(NamedTuple):
    """One action on one resource."""

    action: str
    resource: str


class Grant(NamedTuple):
    """One allowed action on one pattern of resources."""

    action: str
    pattern: str

    def covers(self, need: Need) -> bool:
        return _like(self.action, need.action) and _like(self.pattern, need.resource)


@dataclass(frozen=True)
class Policy:
    grants: list[Grant]

    @classmethod
    def of(cls, role: str) -> Policy:
        """The policy of a role, with example names."""
        document = json.loads(Template((POLICIES / f"{role}.json").read_text()).substitute(NAMES))
        grants = []
        for statement in document["Statement"]:
            assert statement.keys() == {"Sid", "Effect", "Action", "Resource"}
            assert statement["Effect"] == "Allow"
            for action in _list(statement["Action"]):
                grants += [Grant(action, pattern) for pattern in _list(statement["Resource"])]
        return cls(grants)

    def allows(self, need: Need) -> bool:
        return any(grant.covers(need) for grant in self.grants)


def needs(call: Call, headers: dict[str, str], body: bytes) -> list[Need]:
    """The actions that S3 requires; for an unknown request, one that no policy grants."""
    _, bucket, key = [*call.path.split("/", 2), ""][:3]
    query = set(parse_qs(call.query, keep_blank_values=True))
    if not bucket or not key:
        return list(_of_bucket(call.method, query, body))
    source = unquote(headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")[2]
    found = [Need(_of_object(call.method, query), f"{LAKE}/{key}")]
    found += [Need("s3:GetObject", f"{LAKE}/{source}")] if source else []
    return found + [Need(EXTRAS[name], f"{LAKE}/{key}") for name in EXTRAS.keys() & headers.keys()]


def _of_bucket(method: str, query: set[str], body: bytes) -> Iterator[Need]:
    listing = {"list-type", "prefix", "delimiter", "continuation-token", "encoding-type"}
    listing |= {"max-keys", "start-after"}
    if method == "GET" and "list-type" in query and query <= listing:
        yield Need("s3:ListBucket", LAKE)
    elif method == "POST" and query == {"delete"}:
        for element in ET.fromstring(body).iter():  # noqa: S314 - from our own clients
            if element.tag.endswith("VersionId"):
                yield Need("s3:DeleteObjectVersion", LAKE)
            if element.tag.endswith("Key"):
                yield Need("s3:DeleteObject", f"{LAKE}/{element.text}")
    else:
        yield Need(f"s3:{method} ?{sorted(query)} of a bucket", LAKE)


def _of_object(method: str, query: set[str]) -> str:
    known = {
        ("HEAD", ()): "s3:GetObject",
        ("GET", ()): "s3:GetObject",
        ("PUT", ()): "s3:PutObject",
        ("COPY", ()): "s3:PutObject",
        ("DELETE", ()): "s3:DeleteObject",
        ("DELETE", ("versionId",)): "s3:DeleteObjectVersion",
        ("DELETE", ("uploadId",)): "s3:AbortMultipartUpload",
        ("POST", ("uploads",)): "s3:PutObject",
        ("PUT", ("partNumber", "uploadId")): "s3:PutObject",
        ("POST", ("uploadId",)): "s3:PutObject",
    }
    parameters = tuple(sorted(query - {"x-id"}))
    return known.get((method, parameters), f"s3:{method} ?{parameters} of an object")


def _like(pattern: str, text: str) -> bool:
    """In IAM, `*` matches any characters, including `/`, and `?` matches one character."""
    parts = (
        ".*" if p == "*" else "." if p == "?" else re.escape(p)
        for p in re.split(r"([*?])", pattern)
    )
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def _list(of: Any) -> list[str]:
    return of if isinstance(of, list) else [of]
