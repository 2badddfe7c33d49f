"""A complete answer of an API, unpacked within a limit."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

from isal import igzip, isal_zlib

from include.data.formatting import printable
from include.http.errors import SourceUnavailable, UnexpectedBody, parse_http_date, too_large

MAX_CLOCK_DIFFERENCE = timedelta(days=1)
GZIP = {"gzip", "x-gzip"}


@dataclass(frozen=True)
class Response:
    """A complete answer. `wire` is the body as it traveled, `content` is unpacked."""

    status: int
    where: str  # host and path, for messages
    headers: Mapping[str, str]
    wire: bytes
    content: bytes

    @property
    def is_gzipped(self) -> bool:
        return self.headers.get("Content-Encoding", "").lower() in GZIP

    @property
    def gzipped(self) -> bytes:
        """The body to land: as it traveled, or packed here if it came unpacked."""
        return self.wire if self.is_gzipped else gzip.compress(self.content, mtime=0)

    @property
    def publisher(self) -> str:
        """`official`, or `made-up:7` for an answer that is marked as made up from seed 7."""
        made_up = self.headers.get("X-Made-Up")
        return f"made-up:{printable(made_up.removeprefix('seed='))}" if made_up else "official"

    @property
    def is_html(self) -> bool:
        if "html" in self.headers.get("Content-Type", "").lower():
            return True
        return self.content[:100].lstrip().lower().startswith((b"<!doctype html", b"<html"))

    def unexpected(self, what: str) -> UnexpectedBody:
        """The error for an answer of another kind, such as "sent no list of rows"."""
        return UnexpectedBody(f"{self.where} {what}; check the host, or try again later")

    def json(self) -> Any:
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            raise self.unexpected("sent a body that is not JSON") from None

    def rows(self) -> list[dict[str, Any]]:
        """The JSON list of objects that was asked for."""
        found = self.json()
        if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
            raise self.unexpected("sent no list of objects")
        return found

    def date_in(self, header: str) -> datetime:
        """The instant that a header names, in UTC."""
        moment = parse_http_date(self.headers.get(header, ""))
        if moment is None:
            raise self.unexpected(
                f"sent no readable {header} header, so the age of the data is unknown"
            )
        return moment

    @property
    def date(self) -> datetime:
        """When the API answered, by its own clock, which must roughly agree with ours."""
        date = self.date_in("Date")
        if abs(date - datetime.now(UTC)) >= MAX_CLOCK_DIFFERENCE:
            raise UnexpectedBody(
                f"{self.where} says that it answered on {date:%Y-%m-%d}, a day or more from the "
                "clock of this machine; check which of the two clocks is wrong"
            )
        return date


def unpack(
    where: str, status: int, headers: Mapping[str, str], wire: bytes, max_bytes: int
) -> Response:
    packing = headers.get("Content-Encoding", "identity").lower()
    content = wire
    if packing in GZIP and wire:
        try:
            with igzip.GzipFile(fileobj=BytesIO(wire)) as packed:
                content = packed.read(max_bytes + 1)
        except (OSError, EOFError, isal_zlib.error):
            raise SourceUnavailable(
                f"{where} sent a body whose gzip is broken; try again later"
            ) from None
        if len(content) > max_bytes:
            raise too_large(where, max_bytes)
    elif packing not in {*GZIP, "identity", ""}:
        raise UnexpectedBody(
            f"{where} sent a body packed as {packing}, not as gzip; check the host"
        )
    return Response(status, where, headers, wire, content)
