"""One exchange over HTTP, whole or not at all: asked, and read to the last announced byte."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from time import monotonic
from typing import Any

import requests
import urllib3

from include.first.masking import Mask
from include.first.rest_errors import (
    RedirectElsewhere,
    SourceUnavailable,
    UnexpectedBody,
    host_and_path,
    problem_with_network,
)

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Answer:
    """A whole answer. `wire` is the body byte for byte as it travelled, `content` is unpacked."""

    status_code: int
    where: str  # host and path, for people
    headers: Mapping[str, str]
    wire: bytes
    content: bytes

    @property
    def is_gzipped(self) -> bool:
        return self.headers.get("Content-Encoding", "").lower() in {"gzip", "x-gzip"}

    @property
    def gzipped(self) -> bytes:
        """The body as it is landed: as it travelled, or packed here if it came unpacked."""
        return self.wire if self.is_gzipped else gzip.compress(self.content, mtime=0)

    @property
    def publisher(self) -> str:
        """`official`, or `made-up:7` for the local data of seed 7, which is marked."""
        made_up = self.headers.get("X-Made-Up")
        return f"made-up:{made_up.removeprefix('seed=')}" if made_up else "official"

    @property
    def is_html(self) -> bool:
        if "html" in self.headers.get("Content-Type", "").lower():
            return True
        return self.content[:100].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    def json(self) -> Any:
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            raise UnexpectedBody(
                f"{self.where} answered with a body that is not JSON; "
                "check the host, or try again later"
            ) from None


class OneHostSession(requests.Session):
    """Follows a redirect within its host only, so that credentials never leave it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self.headers.update(headers)
        # A ~/.netrc would otherwise replace the Authorization header that the caller set.
        self.auth = _leave_as_it_is

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Called before a redirect is followed; the original would only drop one header."""
        target = prepared_request.url or ""
        if self.should_strip_auth(response.request.url or "", target):  # type: ignore[no-untyped-call]
            raise RedirectElsewhere(target)

    def exchange(
        self,
        request: requests.Request,
        *,
        connect_timeout_s: float,
        read_timeout_s: float,
        deadline: float,
        mask: Mask,
        most_bytes: int | None = None,
    ) -> Answer:
        """Send, and read the body; `deadline` (monotonic) ends a body that only drips."""
        where = mask(host_and_path(request.url))
        time_left = max(0.1, deadline - monotonic())
        try:
            prepared = self.prepare_request(request)
            settings = self.merge_environment_settings(prepared.url or "", {}, True, None, None)
            with self.send(
                prepared,
                timeout=(connect_timeout_s, min(read_timeout_s, time_left)),
                # What changes something is not sent on to another address.
                allow_redirects=request.method in {"GET", "HEAD"},
                **settings,
            ) as response:
                wire = _read_wire(response, deadline, where, most_bytes)
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            # Without its cause: that carries the whole request, credentials included.
            raise problem_with_network(error, where) from None
        return _unpacked(
            Answer(response.status_code, where, response.headers, wire, wire), most_bytes
        )


def _leave_as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _read_wire(
    response: requests.Response, deadline: float, where: str, most_bytes: int | None
) -> bytes:
    chunks, size = [], 0
    # read1 returns what has come, so that the deadline is looked at while a body drips in; at the
    # end it raises when less came than Content-Length said.
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
        chunks.append(chunk)
        size += len(chunk)
        if most_bytes is not None and size > most_bytes:
            raise _too_large(where, most_bytes)
        if monotonic() > deadline:
            raise requests.Timeout
    return b"".join(chunks)


def _too_large(where: str, most_bytes: int) -> UnexpectedBody:
    return UnexpectedBody(
        f"{where} sent more than {most_bytes:,} bytes, which is no answer to what was asked; "
        "check the host"
    )


def _unpacked(answer: Answer, most_bytes: int | None) -> Answer:
    if not answer.is_gzipped or not answer.wire:
        return answer
    try:
        with gzip.GzipFile(fileobj=BytesIO(answer.wire)) as packed:
            content = packed.read(-1 if most_bytes is None else most_bytes + 1)
        if most_bytes is not None and len(content) > most_bytes:
            raise _too_large(answer.where, most_bytes)
        return replace(answer, content=content)
    except (OSError, EOFError, zlib.error):
        raise SourceUnavailable(
            f"{answer.where} sent a body whose packing is broken; try again later"
        ) from None
