"""A recalls API that serves the rows and headers of a test.

    with recalls_source(rows) as source:
        run(source.url, ...)
        source.publish(other_rows)                     # the next day
        source.headers["Last-Modified"] = "..."        # replaces the default; None removes it

SQLite runs the queries, so any SoQL that is also SQL works. A row is a dict as the API sends it,
or a `RawRow` for JSON that a dict cannot express.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

DATASET = "6axg-epim"
DATE = "report_received_date"
COLUMNS = {
    DATE: "floating_timestamp",
    "nhtsa_id": "text",
    "recall_link": "url",
    "manufacturer": "text",
    "subject": "text",
    "component": "text",
    "mfr_campaign_number": "text",
    "recall_type": "text",
    "potentially_affected": "number",
    "defect_summary": "text",
    "consequence_summary": "text",
    "corrective_action": "text",
    "fire_risk_when_parked": "text",
    "do_not_drive": "text",
    "completion_rate": "number",
}
SYSTEM = {
    ":id": "row_identifier",
    ":created_at": "fixed_timestamp",
    ":updated_at": "fixed_timestamp",
}
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT")
SYSTEM_NAME = re.compile(r"(?<![\w\"]):(\w+)")
Row = dict[str, Any]


class RawRow(NamedTuple):
    json: str
    nhtsa_id: str | None
    day: str | None


@dataclass
class RecallsSource:
    """The settings; a change takes effect with the next request."""

    rows: Sequence[Row | RawRow]
    seed: int = 1
    refreshed: datetime = field(
        default_factory=lambda: datetime.now(UTC).replace(microsecond=0) - timedelta(days=60)
    )
    headers: dict[str, str | None] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=lambda: dict(COLUMNS))
    before_answer: Callable[[str], object] = lambda _: None  # gets the path and the query
    asked: list[str] = field(default_factory=list)
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loaded: tuple[int, datetime] | None = None
    _connection: sqlite3.Connection = field(init=False, repr=False)

    def publish(self, rows: Sequence[Row | RawRow], days: float = 1) -> None:
        """Serve these rows, last modified some days later."""
        self.rows = rows
        self.refreshed += timedelta(days=days)

    def answer(self, query: dict[str, str]) -> bytes:
        select = query["$select"]
        full_rows = select.startswith(":*")
        sql = f"SELECT {'raw' if full_rows else select} FROM recalls"
        for clause, parameter in (
            ("WHERE", "$where"),
            ("GROUP BY", "$group"),
            ("ORDER BY", "$order"),
            ("LIMIT", "$limit"),
            ("OFFSET", "$offset"),
        ):
            sql += f" {clause} {query[parameter]}" if parameter in query else ""
        with self._lock:
            found = self._database().execute(SYSTEM_NAME.sub(r'":\1"', sql))
            names = [name.removesuffix("(*)") for name, *_ in found.description]
            rows = found.fetchall()
        if full_rows:
            texts = [text for (text,) in rows]
        else:
            texts = [
                json.dumps({n: str(v) for n, v in zip(names, row, strict=True) if v is not None})
                for row in rows
            ]
        return ("[" + "\n,".join(texts) + "]\n").encode()

    def _database(self) -> sqlite3.Connection:
        """The current rows, loaded again after each change."""
        state = (id(self.rows), self.refreshed)
        if state != self._loaded:
            database = sqlite3.connect(":memory:", check_same_thread=False)
            database.create_function("date_extract_y", 1, lambda day: day and int(day[:4]))
            columns = f'":id" TEXT, nhtsa_id TEXT, {DATE} TEXT, raw TEXT'
            database.execute(f"CREATE TABLE recalls ({columns})")
            database.executemany(
                "INSERT INTO recalls VALUES (?, ?, ?, ?)",
                (self._indexed(number, row) for number, row in enumerate(self.rows)),
            )
            self._connection, self._loaded = database, state
        return self._connection

    def _indexed(self, number: int, row: Row | RawRow) -> tuple[str, str | None, str | None, str]:
        row_id, moment = f"row-{number:06}", self.refreshed.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        system = {":id": row_id, ":created_at": moment, ":updated_at": moment}
        if isinstance(row, RawRow):
            head = json.dumps(system)[:-1]
            return row_id, row.nhtsa_id, row.day, f"{head}, {row.json.removeprefix('{')}"
        day, key = row.get(DATE), row.get("nhtsa_id")
        day = day if isinstance(day, str) and DATE_TIME.match(day) else None
        row = system | row
        return row[":id"], str(key), day, json.dumps(row, ensure_ascii=False)

    def headers_of(self, query: dict[str, str]) -> dict[str, str]:
        moment = format_datetime(self.refreshed, usegmt=True)
        declared = SYSTEM | self.columns if query["$select"].startswith(":*") else {}
        headers = {
            "Date": format_datetime(datetime.now(UTC), usegmt=True),
            "Last-Modified": moment,
            "X-SODA2-Truth-Last-Modified": moment,
            "X-SODA2-Data-Out-Of-Date": "false",
            "X-SODA2-Fields": json.dumps(list(declared)),
            "X-SODA2-Types": json.dumps(list(declared.values())),
            "X-Made-Up": f"seed={self.seed}",
        }
        return {n: v for n, v in (headers | self.headers).items() if v is not None}


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        source, parts = self.server.source, urlsplit(self.path)
        source.asked.append(self.path)
        source.before_answer(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body, status = b'{"error": true, "message": "Not found"}', 404
        headers: dict[str, str] = {}
        if parts.path == f"/resource/{DATASET}.json":
            body, status, headers = source.answer(query), 200, source.headers_of(query)
        self.send_response_only(status)
        kind = {"Content-Type": "application/json;charset=utf-8", "Content-Length": str(len(body))}
        for name, value in (kind | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing to the terminal."""


class _Server(ThreadingHTTPServer):
    def __init__(self, source: RecallsSource) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.source = source


@contextmanager
def recalls_source(rows: Sequence[Row | RawRow] = (), **settings: Any) -> Iterator[RecallsSource]:
    source = RecallsSource(rows, **settings)
    server = _Server(source)
    source.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def recall_row(number: int, year: int = 2019, **changes: Any) -> Row:
    """Build a valid row as the API sends it; None omits a field."""
    key = f"{year % 100:02}V{number:06}"
    row = {
        DATE: f"{year}-03-04T00:00:00.000",
        "nhtsa_id": key,
        "recall_link": {"url": f"https://www.nhtsa.gov/recalls?nhtsaId={key}"},
        "manufacturer": "Ford Motor Company",
        "subject": "Brake hose may crack",
        "component": "SERVICE BRAKES, HYDRAULIC",
        "mfr_campaign_number": "19S01",
        "recall_type": "Vehicle",
        "potentially_affected": "100",
        "defect_summary": "It cracks.  It leaks.",
        "consequence_summary": "A crash.",
        "corrective_action": "A new hose.",
        "fire_risk_when_parked": "No",
        "do_not_drive": "Yes",
        "completion_rate": "61.5",
    }
    return {name: value for name, value in (row | changes).items() if value is not None}


def business_row(raw: Row) -> Row:
    """Convert a valid row to what readers find, without the product's code."""
    row = {name: raw.get(name) for name in COLUMNS}
    row[DATE] = date.fromisoformat(raw[DATE][:10])
    row["recall_link"] = raw["recall_link"]["url"] if "recall_link" in raw else None
    for name, kind in (("potentially_affected", int), ("completion_rate", float)):
        row[name] = None if row[name] is None else kind(row[name])
    for name in ("fire_risk_when_parked", "do_not_drive"):
        row[name] = {"Yes": True, "No": False, None: None}[row[name]]
    return row
