"""A stub of the VIN service, and its exports."""

from collections.abc import Sequence
from email.utils import formatdate
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.http.raw_server import Api, message

NAMES = ("vin", "make", "model", "model_year", "body_class")
MADE_UP = "made-up:7"
Vehicle = tuple[str, str, str, str, str]


def vehicle(number: int, model: str = "Pear") -> Vehicle:
    """A vehicle with `number` in its VIN."""
    return (f"1ABCD2EF{number:09}", "ORCHARD", model, "2019", "Sedan")


def table(vehicles: Sequence[Sequence[Any]]) -> pa.Table:
    columns = zip(*vehicles, strict=True) if vehicles else ((),) * len(NAMES)
    return pa.table([pa.array(column, pa.string()) for column in columns], names=NAMES)


def parquet(
    rows: pa.Table, source: str | None = MADE_UP, *, in_groups_of: int = 1_000, **settings: Any
) -> bytes:
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, rows.schema, store_schema=False, **settings) as writer:
        if source:
            writer.add_key_value_metadata({"source": source})
        writer.write_table(rows, in_groups_of)
    body: bytes = sink.getvalue().to_pybytes()
    return body


class Stub(Api):
    """Exports the vehicles that a test sets."""

    def __init__(self) -> None:
        super().__init__()
        self.has([vehicle(1), vehicle(2), vehicle(3)])

    def has(self, vehicles: Sequence[Sequence[Any]], source: str | None = MADE_UP) -> None:
        self.export(parquet(table(vehicles), source if vehicles else None))

    def export(self, body: bytes, *first: bytes) -> None:
        """Send the answers `first`, then these bytes."""
        self.body, self.answers = body, [*first, export_message(body)]

    @property
    def asked(self) -> list[tuple[str, str | None]]:
        """Method with path, and key, of each request."""
        return [(path, headers.get("X-API-Key")) for path, headers, _ in self.requests]


def export_message(body: bytes) -> bytes:
    now = formatdate(usegmt=True)
    return message(body, Content_Type="application/vnd.apache.parquet", Date=now)
