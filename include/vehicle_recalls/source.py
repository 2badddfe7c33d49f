"""NHTSA's recalls as their API gives them: counts, and pages of rows as they travelled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from include.first.rest import Answer, RestClient, UnexpectedBody
from include.vehicle_recalls.contract import DATASET, DATE
from include.vehicle_recalls.soda import Soda2, SourceState, StaleSource

__all__ = [
    "MAX_PAGE_SIZE",
    "PAGE_SIZE",
    "Batch",
    "Census",
    "Page",
    "RecallsApi",
    "SourceState",
    "StaleSource",
    "as_json_lines",
]

# SODA 2.1 has no upper bound of its own; 50,000 is safe everywhere.
MAX_PAGE_SIZE = 50_000
PAGE_SIZE = 20_000  # a page is unpacked in memory: 22 MB, and some copies of it
MOST_YEARS = 1_000
PIECE_BYTES = 1 << 20
BLOCK_BYTES = 8 << 20  # blocks are parsed side by side; a row is 3.3 kB at most
ONLY_ID = pyarrow.json.ParseOptions(
    explicit_schema=pa.schema([(":id", pa.string())]), unexpected_field_behavior="ignore"
)


@dataclass(frozen=True)
class Batch:
    """A run of neighbouring report years, read as one.

    An open end has no bound, so that the batches of a full read cover every row the source has.
    """

    label: str  # "1966-2026", for people and keys
    first: int | None  # None: open
    last: int | None  # inclusive; None: open
    undated: bool  # also the rows without a date

    def condition(self) -> str | None:
        """The batch as a SoQL where-clause; None when it is everything."""
        bounds = []
        if self.first is not None:
            bounds.append(f"{DATE} >= '{self.first:04}-01-01T00:00:00'")
        if self.last is not None:
            bounds.append(f"{DATE} < '{self.last + 1:04}-01-01T00:00:00'")
        dated = " AND ".join(bounds)
        if self.undated:
            return f"({dated}) OR {DATE} IS NULL" if dated else None
        return dated or f"{DATE} IS NOT NULL"


@dataclass(frozen=True)
class Census:
    state: SourceState
    rows_by_year: dict[int, int]
    undated: int


@dataclass(frozen=True)
class Page:
    state: SourceState
    columns: dict[str, str]  # field -> type, as the API declares them
    gzipped: bytes  # the body as it travelled; packed here when it came unpacked
    ids: pa.ChunkedArray  # `:id` of each row, in order


class RecallsApi:
    """The dataset `6axg-epim`, or one of the same shape."""

    def __init__(
        self,
        host: str,
        *,
        dataset: str = DATASET,
        app_token: str | None = None,
        api_key: str | None = None,
        page_size: int = PAGE_SIZE,
        attempts: int = 5,
        total_s: float = 600,
    ) -> None:
        credentials = {"X-App-Token": app_token, "X-Api-Key": api_key}
        client = RestClient(
            host,
            headers={name: value for name, value in credentials.items() if value},
            attempts=attempts,
            total_s=total_s,
        )
        self.page_size = page_size
        self._soda = Soda2(client, dataset)

    def columns(self) -> dict[str, str]:
        """The declared columns, in one small question."""
        return self._soda.columns(self._soda.ask(":*,*", order="nhtsa_id,:id", limit=1))

    def census(self) -> Census:
        """Rows per report year, in one grouped query."""
        answer, groups = self._soda.ask_table(
            f"date_extract_y({DATE}) AS year, count(*) AS recalls",
            group="year",
            order="year",
            limit=MOST_YEARS,
        )
        if len(groups) >= MOST_YEARS:
            raise UnexpectedBody(
                f"{answer.where} names {len(groups)} report years or more, which cannot be; "
                f"look at {DATE} at the source"
            )
        rows_by_year: dict[int, int] = {}
        undated = 0
        for group in groups:
            rows = _whole(group.get("recalls"), answer)
            if "year" not in group:
                undated += rows
            else:
                rows_by_year[_whole(group["year"], answer)] = rows
        if len(rows_by_year) + any("year" not in group for group in groups) != len(groups):
            raise UnexpectedBody(f"{answer.where} counts a report year twice; try again later")
        return Census(self._soda.state(answer), rows_by_year, undated)

    def count(self, batch: Batch) -> tuple[int, SourceState]:
        answer, rows = self._soda.ask_table("count(*)", where=batch.condition())
        if len(rows) != 1:
            raise UnexpectedBody(f"{answer.where} gave {len(rows)} counts for one question")
        return _whole(rows[0].get("count"), answer), self._soda.state(answer)

    def pages(self, batch: Batch) -> Iterator[Page]:
        """Every row of the batch, at least one page; a page that is not full is the last."""
        offset = 0
        while True:
            page = self._page(batch, offset)
            yield page
            if len(page.ids) < self.page_size:
                return
            offset += self.page_size

    def _page(self, batch: Batch, offset: int) -> Page:
        answer = self._soda.ask(
            ":*,*",
            where=batch.condition(),
            order="nhtsa_id,:id",
            limit=self.page_size,
            offset=offset,
        )
        ids = _ids(as_json_lines(answer.content), answer)
        if len(ids) > self.page_size:
            raise UnexpectedBody(
                f"{answer.where} gave {len(ids)} rows where {self.page_size} were asked for; "
                "is the host a SODA server?"
            )
        return Page(
            state=self._soda.state(answer),
            columns=self._soda.columns(answer),
            gzipped=answer.gzipped,
            ids=ids,
        )


def as_json_lines(body: bytes) -> bytes | bytearray:
    r"""A list of rows as one row a line, without a line end after the last; nothing for no rows.

    SODA lays a body out as `[{...}\n,{...}\n]\n`, which makes this a matter of turning the commas
    that begin a line into spaces. Any other layout of the same list is read and written anew.
    """
    if body.startswith(b"[{") and body.endswith(b"}\n]\n") and b"},{" not in body:
        lines = bytearray(body)
        # numpy, because a page has 60 MB: four times as fast as bytes.replace and bytes.count.
        characters = np.frombuffer(lines, np.uint8)
        line_ends = _places(characters, "\n")
        begins = line_ends[:-2] + 1
        if np.all(characters[begins] == ord(",")) and np.all(characters[begins + 1] == ord("{")):
            characters[begins] = ord(" ")
            del characters  # a bytearray that is looked at cannot be cut
            del lines[-3:], lines[:1]
            return lines
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    if not isinstance(parsed, list):
        raise UnexpectedBody("the body is not a whole list of rows in JSON; run again")
    if not all(isinstance(row, dict) for row in parsed):
        raise UnexpectedBody("the body is a list, but not of rows; is the host a SODA server?")
    return b"\n".join(json.dumps(row).encode() for row in parsed)


def _places(characters: Any, wanted: str) -> Any:
    """Where a character is; piece by piece, so that comparing takes no memory to speak of."""
    pieces = range(0, len(characters), PIECE_BYTES)
    found = [np.flatnonzero(characters[at : at + PIECE_BYTES] == ord(wanted)) + at for at in pieces]
    return np.concatenate(found)


def _ids(lines: bytes | bytearray, answer: Answer) -> pa.ChunkedArray:
    if not lines:
        return pa.chunked_array([], pa.string())
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(lines),
            read_options=pyarrow.json.ReadOptions(block_size=BLOCK_BYTES),
            parse_options=ONLY_ID,
        )
        ids = table[":id"]
    except pa.ArrowInvalid:
        ids = _ids_one_by_one(lines, answer)
    if ids.null_count:
        raise UnexpectedBody(
            f"{answer.where} sent rows without :id, which was asked for; is the host a SODA server?"
        )
    return ids


def _ids_one_by_one(lines: bytes | bytearray, answer: Answer) -> pa.ChunkedArray:
    """Slower, and forgiving of a text that is no text; what it is, the contract says later."""
    try:
        rows = [json.loads(line) for line in lines.decode(errors="replace").split("\n")]
        return pa.chunked_array([[row.get(":id") for row in rows]], pa.string())
    except (ValueError, TypeError, AttributeError):
        raise UnexpectedBody(
            f"{answer.where} sent rows that are not JSON, or whose :id is no text; run again"
        ) from None


def _whole(text: object, answer: Answer) -> int:
    """A count or a year: SODA sends numbers as text."""
    try:
        return int(str(text))
    except ValueError:
        raise UnexpectedBody(
            f"{answer.where} gave a count or year that is no whole number; "
            "is the host a SODA server?"
        ) from None
