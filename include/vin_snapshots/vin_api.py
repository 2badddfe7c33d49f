"""The VIN service as this pipeline asks it: for all of its vehicles at once."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from include.first.rest import Answer, RestClient, RestError, UnexpectedBody
from include.first.rest_errors import instant

KEY_HEADER = "X-API-Key"
# Any other route needs the key too; this one answers at once that `-` is no VIN.
NEEDS_THE_KEY, NO_VIN = "/lookup/-", 404
MAGIC = b"PAR1"


class Export(NamedTuple):
    """One export, whole."""

    body: bytes
    source: str  # "official", "made-up:7" for made-up vehicles of seed 7, empty without vehicles
    answered_at: str  # by the clock of the service


class VinApi:
    """The service at one host. An export may take it minutes, so it is given time."""

    def __init__(
        self, host: str, key: str | None = None, *, attempts: int = 5, total_s: float = 1800
    ) -> None:
        self._client = RestClient(
            host, headers={KEY_HEADER: key} if key else {}, attempts=attempts, total_s=total_s
        )

    def export(self) -> Export:
        answer = self._client.get("/export", check=_check_export)
        moment = instant(answer.headers.get("Date", ""))
        return Export(answer.content, _source(answer), f"{moment:%Y-%m-%dT%H:%M:%SZ}")

    def check_access(self) -> None:
        """Ask what is cheap: whether it is up, and something that it tells only with the key."""
        self._client.get("/healthz", check=_check_health)
        self._client.get(NEEDS_THE_KEY, accept={NO_VIN}, check=_check_refusal)


def _check_export(answer: Answer) -> None:
    if not (answer.content.startswith(MAGIC) and answer.content.endswith(MAGIC)):
        raise _another(answer, "did not give a whole Parquet file")
    _source(answer)
    if instant(answer.headers.get("Date", "")) is None:
        raise _another(answer, "came without a Date, so its age is not known")


def _source(answer: Answer) -> str:
    try:
        metadata = pq.read_metadata(pa.BufferReader(answer.content)).metadata or {}
        return str(metadata.get(b"source", b"").decode())
    except (pa.ArrowException, OSError, ValueError):
        raise _another(answer, "gave a Parquet file that cannot be read") from None


def _check_health(answer: Answer) -> None:
    if not _said(answer, "status"):
        raise _another(answer, "says nothing of its health")


def _check_refusal(answer: Answer) -> None:
    if "VIN" not in _said(answer, "detail"):
        raise _another(answer, "does not speak of VINs")


def _said(answer: Answer, name: str) -> str:
    told = answer.json()
    return str(told.get(name, "")) if isinstance(told, dict) else ""


def _another(answer: Answer, what: str) -> RestError:
    return UnexpectedBody(f"{answer.where} {what}; is the host a VIN service? Try again later")
