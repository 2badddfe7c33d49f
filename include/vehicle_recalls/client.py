"""NHTSA's recalls as their SODA API gives them: counts, and pages of rows as they traveled.

The one module that changes for SODA 3 (docs/decisions/0002-soda-2-api.md).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from include.http.client import HttpClient, Response
from include.http.errors import HttpError, UnexpectedBody
from include.lake.reads import Source
from include.vehicle_recalls.batches import Years, condition
from include.vehicle_recalls.contract import DATASET, DATE
from include.vehicle_recalls.page_rows import row_ids

# SODA 2.1 has no upper bound of its own; 50,000 is safe everywhere.
MAX_PAGE_SIZE = 50_000
PAGE_SIZE = 20_000  # unpacked, a page is 22 MB
MAX_BYTES = 400_000_000  # 50,000 rows of three times the usual size
MAX_YEARS = 1_000
MAX_CLOCK_SKEW = timedelta(minutes=5)  # between two clocks of the publisher


@dataclass(frozen=True)
class SourceState:
    """What the headers of one response say of the source."""

    source: Source
    modified_at: str  # when the publisher last changed the data
    answered_at: str  # by the clock of the API


@dataclass(frozen=True)
class YearCounts:
    state: SourceState
    rows_by_year: dict[int, int]
    undated: int


@dataclass(frozen=True)
class RecallsPage:
    state: SourceState
    columns: dict[str, str]  # field: type, as the API declares them
    gzipped: bytes
    row_ids: list[str]  # `:id` of each row, in order


class StaleSource(HttpError):
    """A copy of the data that calls itself out of date."""


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
        self._client = HttpClient(
            host,
            headers={name: value for name, value in credentials.items() if value},
            attempts=attempts,
            total_s=total_s,
            max_bytes=MAX_BYTES,
        )
        self._dataset = dataset
        self.page_size = page_size

    def columns(self) -> dict[str, str]:
        """The declared columns, in one small request."""
        return self._columns(self._query(":*,*", order="nhtsa_id,:id", limit=1))

    def year_counts(self) -> YearCounts:
        """Rows per report year, in one grouped query."""
        response, groups = self._query_rows(
            f"date_extract_y({DATE}) AS year, count(*) AS recalls",
            group="year",
            order="year",
            limit=MAX_YEARS,
        )
        if len(groups) >= MAX_YEARS:
            raise UnexpectedBody(
                f"{response.where} has {len(groups)} report years or more; look at {DATE} there"
            )
        dated = [
            (_integer(group["year"], response), _integer(group.get("recalls"), response))
            for group in groups
            if "year" in group
        ]
        if len(dict(dated)) != len(dated):
            raise UnexpectedBody(f"{response.where} counts a report year twice; try again later")
        undated = [_integer(g.get("recalls"), response) for g in groups if "year" not in g]
        return YearCounts(self._state(response), dict(dated), sum(undated))

    def count(self, years: Years) -> tuple[int, SourceState]:
        response, rows = self._query_rows("count(*)", where=condition(years))
        if len(rows) != 1:
            raise UnexpectedBody(f"{response.where} sent {len(rows)} counts for one question")
        return _integer(rows[0].get("count"), response), self._state(response)

    def pages(self, years: Years) -> Iterator[RecallsPage]:
        """Every row of these years, in at least one page; a page that is not full is the last."""
        offset = 0
        while True:
            page = self._page(years, offset)
            yield page
            if len(page.row_ids) < self.page_size:
                return
            offset += self.page_size

    def _page(self, years: Years, offset: int) -> RecallsPage:
        response = self._query(
            ":*,*",
            where=condition(years),
            order="nhtsa_id,:id",
            limit=self.page_size,
            offset=offset,
        )
        found = row_ids(response.content)
        if len(found) > self.page_size:
            raise UnexpectedBody(
                f"{response.where} sent {len(found)} rows where {self.page_size} were asked for; "
                "check that the host is a SODA server"
            )
        return RecallsPage(self._state(response), self._columns(response), response.gzipped, found)

    def _query(self, select: str, **clauses: object) -> Response:
        """One question in SoQL. Copies of the data differ in age, so a stale one is asked again."""
        parameters = {"select": select, **clauses}
        return self._client.get(
            f"/resource/{quote(self._dataset, safe='')}.json",
            params={f"${name}": str(v) for name, v in parameters.items() if v is not None},
            check=_refuse_stale_or_cut,
        )

    def _query_rows(self, select: str, **clauses: object) -> tuple[Response, list[dict[str, Any]]]:
        """A question with a small answer."""
        response = self._query(select, **clauses)
        rows = response.json()
        if not all(isinstance(row, dict) for row in rows):
            raise UnexpectedBody(f"{response.where} sent no rows; check that it is a SODA server")
        return response, rows

    def _state(self, response: Response) -> SourceState:
        truth = "X-SODA2-Truth-Last-Modified"
        modified = response.date_in(truth if truth in response.headers else "Last-Modified")
        answered = response.date
        if modified > answered + MAX_CLOCK_SKEW:
            raise UnexpectedBody(
                f"{response.where} gives {modified:%Y-%m-%d %H:%M} as its last change, which is "
                f"later than its own clock ({answered:%Y-%m-%d %H:%M}); run again later"
            )
        return SourceState(
            Source(dataset=self._dataset, publisher=response.publisher),
            f"{modified:%Y-%m-%dT%H:%M:%SZ}",
            f"{answered:%Y-%m-%dT%H:%M:%SZ}",
        )

    def _columns(self, response: Response) -> dict[str, str]:
        """From the headers, because a null is an absent key; they are left out of wide answers."""
        fields, types = (_names(response, f"X-SODA2-{what}") for what in ("Fields", "Types"))
        if fields and len(fields) == len(types):
            return dict(zip(fields, types, strict=True))
        view = self._client.get(f"/api/views/{quote(self._dataset, safe='')}.json")
        try:
            columns = view.json()["columns"]
            return {str(column["fieldName"]): str(column["dataTypeName"]) for column in columns}
        except (KeyError, TypeError):
            raise UnexpectedBody(
                f"{view.where} does not describe the columns; check that it is a SODA server"
            ) from None


def _refuse_stale_or_cut(response: Response) -> None:
    if response.headers.get("X-SODA2-Data-Out-Of-Date", "").lower() == "true":
        raise StaleSource(
            f"{response.where} answers from a copy that calls itself out of date; "
            "nothing was read from it, run again in some hours"
        )
    # Cheap, because pages are large: the rows are parsed later.
    if response.content[:64].lstrip()[:1] != b"[" or response.content[-64:].rstrip()[-1:] != b"]":
        raise UnexpectedBody(
            f"{response.where} did not send a complete list of rows; check the host, or try later"
        )


def _names(response: Response, header: str) -> list[str]:
    try:
        names = json.loads(response.headers.get(header, "[]"))
    except (ValueError, RecursionError):
        return []
    return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else []


def _integer(text: object, response: Response) -> int:
    """A count or a year: SODA sends numbers as text."""
    if re.fullmatch(r"\d{1,15}", str(text), re.ASCII):
        return int(str(text))
    raise UnexpectedBody(
        f"{response.where} sent a count or year that is not a whole number; "
        "check that the host is a SODA server"
    )
