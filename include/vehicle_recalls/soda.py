"""The dialect in which the recalls API is asked, and what the headers of its answers say.

This is the one place that changes for SODA 3. There the same SoQL goes as
`POST /api/v3/views/{dataset}/query.json` with `{"query": "SELECT ... WHERE ...", "page": {...},
"includeSystem": true}` and an app token: a class `Soda3` beside `Soda2` with the same methods,
and `repeatable=True` on its questions. See docs/decisions/0002-soda-2-now-soda-3-when.md.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from include.first.rest import Answer, RestClient, RestError, UnexpectedBody
from include.first.rest_errors import instant


@dataclass(frozen=True)
class SourceState:
    """What the headers of one answer say of the source."""

    dataset: str
    publisher: str  # "official", or "made-up:7" for local data of seed 7
    last_modified: str  # when the publisher last changed the data
    answered_at: str  # by the clock of the API


class StaleSource(RestError):
    """A copy of the data that says of itself that it is out of date, still."""


class Soda2:
    """SODA 2.1: `GET /resource/{dataset}.json`, the query in its parameters."""

    def __init__(self, client: RestClient, dataset: str) -> None:
        self._client = client
        self._dataset = dataset
        self._name = quote(dataset, safe="")

    def ask(
        self,
        select: str,
        *,
        where: str | None = None,
        group: str | None = None,
        order: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Answer:
        """One question in SoQL. Copies of the data differ in age, so a stale one is asked again."""
        clauses = {
            "$select": select,
            "$where": where,
            "$group": group,
            "$order": order,
            "$limit": limit,
            "$offset": offset,
        }
        return self._client.get(
            f"/resource/{self._name}.json",
            params={name: str(clause) for name, clause in clauses.items() if clause is not None},
            check=_refuse_stale_or_cut,
        )

    def ask_table(self, select: str, **clauses: Any) -> tuple[Answer, list[dict[str, Any]]]:
        """A question whose answer is small."""
        answer = self.ask(select, **clauses)
        rows = answer.json()
        if not all(isinstance(row, dict) for row in rows):
            raise UnexpectedBody(f"{answer.where} gave no rows; is the host a SODA server?")
        return answer, rows

    def state(self, answer: Answer) -> SourceState:
        headers = answer.headers
        modified = headers.get("X-SODA2-Truth-Last-Modified") or headers.get("Last-Modified", "")
        return SourceState(
            dataset=self._dataset,
            publisher=answer.publisher,
            last_modified=_iso(modified, "Last-Modified", answer),
            answered_at=_iso(headers.get("Date", ""), "Date", answer),
        )

    def columns(self, answer: Answer) -> dict[str, str]:
        """Field names and their types; from the headers, since a null is an absent key."""
        fields = _listed(answer, "X-SODA2-Fields")
        types = _listed(answer, "X-SODA2-Types")
        if fields and len(fields) == len(types):
            return dict(zip(fields, types, strict=True))
        return self._columns_of_view()

    def _columns_of_view(self) -> dict[str, str]:
        """The headers are left out of answers with very many columns."""
        answer = self._client.get(f"/api/views/{self._name}.json")
        view = answer.json()
        try:
            return {column["fieldName"]: column["dataTypeName"] for column in view["columns"]}
        except (KeyError, TypeError):
            raise UnexpectedBody(
                f"{answer.where} does not describe the columns; is the host a SODA server?"
            ) from None


def _refuse_stale_or_cut(answer: Answer) -> None:
    if answer.headers.get("X-SODA2-Data-Out-Of-Date", "").lower() == "true":
        raise StaleSource(
            f"{answer.where} answers from a copy that says it is out of date; "
            "nothing was taken from it, run again in some hours"
        )
    # Cheap, for pages are large: whoever reads the rows looks at the rest.
    if answer.content[:64].lstrip()[:1] != b"[" or answer.content[-64:].rstrip()[-1:] != b"]":
        raise UnexpectedBody(
            f"{answer.where} did not give a whole list of rows; check the host, or try again later"
        )


def _listed(answer: Answer, header: str) -> list[str]:
    try:
        names = json.loads(answer.headers.get(header, "[]"))
    except ValueError:
        return []
    return names if isinstance(names, list) else []


def _iso(http_date: str, header: str, answer: Answer) -> str:
    moment = instant(http_date)
    if moment is None:
        raise UnexpectedBody(
            f"{answer.where} came without a {header} that can be read, so its age is not known; "
            "is the host a SODA server?"
        )
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
