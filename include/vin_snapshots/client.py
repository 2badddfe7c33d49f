"""The VIN service, asked for all of its vehicles at once."""

from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from include.http.client import HttpClient, Response
from include.http.errors import UnexpectedBody

KEY_HEADER = "X-API-Key"
MAX_BYTES = 1_000_000_000  # some ten million vehicles
MAGIC = b"PAR1"


class Export(NamedTuple):
    """One complete export."""

    gzipped: bytes
    publisher: str  # empty for an export without vehicles
    answered_at: str  # by the service's clock


class VinService:
    """An export of millions of vehicles takes minutes, so `total_s` is long."""

    def __init__(
        self, host: str, key: str | None = None, *, attempts: int = 5, total_s: float = 1800
    ) -> None:
        headers = {KEY_HEADER: key} if key else {}
        self._client = HttpClient(
            host, headers=headers, attempts=attempts, total_s=total_s, max_bytes=MAX_BYTES
        )

    def export(self) -> Export:
        response = self._client.get("/export", check=_check_export)
        _, publisher = _rows_and_publisher(response)
        return Export(response.gzipped, publisher, f"{response.date:%Y-%m-%dT%H:%M:%SZ}")

    def check_access(self) -> None:
        """Ask for a VIN that cannot exist: the service answers 404 if the key is right."""
        self._client.get("/lookup/-", ok_statuses={404}, check=_check_lookup)


def _check_export(response: Response) -> None:
    _ = response.date  # raises when it is missing or wrong
    if not (response.content.startswith(MAGIC) and response.content.endswith(MAGIC)):
        raise _unexpected(response, "did not send a complete Parquet file")
    rows, publisher = _rows_and_publisher(response)
    if rows and not publisher:
        raise _unexpected(response, "sent vehicles without their source")


def _rows_and_publisher(response: Response) -> tuple[int, str]:
    try:
        parquet = pq.read_metadata(pa.BufferReader(response.content))
        return parquet.num_rows, (parquet.metadata or {}).get(b"source", b"").decode()
    except (pa.ArrowException, OSError, ValueError):
        raise _unexpected(response, "sent a Parquet file that cannot be read") from None


def _check_lookup(response: Response) -> None:
    answer = response.json()
    if not isinstance(answer, dict) or "VIN" not in str(answer.get("detail", "")):
        raise _unexpected(response, "does not answer like a VIN service")


def _unexpected(response: Response, what: str) -> UnexpectedBody:
    return UnexpectedBody(f"{response.where} {what}; check that the host is a VIN service")
