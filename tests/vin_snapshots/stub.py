"""A VIN service of a few lines: it exports the vehicles it is told, and misbehaves on request."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

NAMES = ("vin", "make", "model", "model_year", "body_class")
MADE_UP = "made-up:7"
Vehicle = tuple[str, str, str, str, str]


def vehicle(number: int, model: str = "Pear") -> Vehicle:
    """One of many, each with a VIN of its own."""
    return (f"1ABCD2EF{number:09}", "ORCHARD", model, "2019", "Sedan")


def table(vehicles: list[Vehicle]) -> pa.Table:
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


class Stub:
    """What it answers next; `faults` are whole answers that are given first, one a request."""

    def __init__(self) -> None:
        self.url = ""
        self.key: str | None = None
        self.body = b""
        self.says_date = True
        self.date: str | None = None
        self.faults: list[tuple[int, str, bytes]] = []
        self.asked: list[tuple[str, str | None]] = []  # path and key
        self.has([vehicle(1), vehicle(2), vehicle(3)])

    def has(self, vehicles: list[Vehicle], source: str | None = MADE_UP) -> None:
        self.body = parquet(table(vehicles), source if vehicles else None)

    def answer(self, path: str, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        key = headers.get("X-API-Key")
        self.asked.append((path, key))
        if self.faults:
            return self.faults.pop(0)
        if self.key and key != self.key and path != "/healthz":
            return 401, "application/json", b'{"detail": "this needs the key"}'
        if path == "/healthz":
            return 200, "application/json", b'{"status": "ok"}'
        if path == "/export":
            return 200, "application/vnd.apache.parquet", self.body
        return 404, "application/json", json.dumps({"detail": "a VIN has 17 characters"}).encode()


class _Handler(http.server.BaseHTTPRequestHandler):
    def __init__(self, stub: Stub, *given: Any) -> None:
        self.stub = stub
        super().__init__(*given)

    def do_GET(self) -> None:
        status, kind, body = self.stub.answer(self.path, dict(self.headers))
        self.send_response_only(status)
        if self.stub.says_date:
            self.send_header("Date", self.stub.date or self.date_time_string())
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests look at `asked`."""


@contextmanager
def stub_service() -> Iterator[Stub]:
    """The stub on a free port, until the block ends."""
    stub = Stub()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, stub))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
