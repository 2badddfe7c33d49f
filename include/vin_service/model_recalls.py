"""NHTSA's recalls of a model: of a make, a model and a model year, never of one car."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from include.first.exchange import Answer
from include.first.rest import RestClient, UnexpectedBody
from include.first.rest_errors import problem_with_status

MOST_BYTES = 20_000_000  # hundreds of recalls are about a megabyte


class ModelRecall(NamedTuple):
    """One recall campaign, in the words of the API; None: it does not say."""

    nhtsa_id: str
    report_received_date: str | None  # ISO
    component: str
    summary: str
    consequence: str
    remedy: str
    notes: str
    park_it: bool | None
    park_outside: bool | None
    over_the_air_update: bool | None


class Asked(NamedTuple):
    recalls: list[ModelRecall]
    source: str


class ModelRecalls:
    """Not for several threads."""

    def __init__(
        self, url: str, *, attempts: int = 3, timeout_s: float = 5, total_s: float = 12
    ) -> None:
        self._client = RestClient(
            url,
            attempts=attempts,
            connect_timeout_s=timeout_s,
            read_timeout_s=timeout_s,
            total_s=total_s,
            most_bytes=MOST_BYTES,
        )

    def recalls(self, make: str, model: str, model_year: str) -> Asked:
        answer = self._client.get(
            "/recalls/recallsByVehicle",
            params={"make": make, "model": model, "modelYear": model_year},
            accept=(HTTPStatus.BAD_REQUEST,),  # it is also how the API says that there are none
            check=_recalls,
        )
        return Asked(_recalls(answer), answer.publisher)


def _recalls(answer: Answer) -> list[ModelRecall]:
    body = answer.json()
    results = body.get("results") if isinstance(body, dict) else None
    if answer.status_code == HTTPStatus.BAD_REQUEST and results != []:
        problem = problem_with_status(
            answer.status_code, answer.where, answer.headers, answer.content
        )
        if problem:
            raise problem
    if not isinstance(results, list):
        raise UnexpectedBody(
            f"{answer.where} answered with JSON that lists no recalls; "
            "check the host, or try again later"
        )
    if body.get("Count") and not results:
        raise UnexpectedBody(
            f"{answer.where} counts {body['Count']!r} recalls and lists none; try again later"
        )
    try:
        return [_recall(result) for result in results]
    except ValueError as error:
        raise UnexpectedBody(
            f"{answer.where} has a recall that cannot be read: {error}; try again later, and if it "
            "stays so the API has changed"
        ) from None


def _recall(result: Any) -> ModelRecall:
    if not isinstance(result, dict):
        raise ValueError("it has no fields")  # noqa: TRY004 - a ValueError is what is illegible
    number = _text(result, "NHTSACampaignNumber")
    if not number:
        raise ValueError("it has no campaign number")
    return ModelRecall(
        nhtsa_id=number,
        report_received_date=_date(_text(result, "ReportReceivedDate")),
        component=_text(result, "Component"),
        summary=_text(result, "Summary"),
        consequence=_text(result, "Consequence"),
        remedy=_text(result, "Remedy"),
        notes=_text(result, "Notes"),
        park_it=_flag(result, "parkIt"),
        park_outside=_flag(result, "parkOutSide"),
        over_the_air_update=_flag(result, "overTheAirUpdate"),
    )


def _text(result: Mapping[str, Any], key: str) -> str:
    value = result.get(key) or ""
    if isinstance(value, str):
        value.encode()  # a ValueError where JSON holds half a character
        return value.strip()
    raise ValueError(f"{key} is no text")


def _flag(result: Mapping[str, Any], key: str) -> bool | None:
    value = result.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise ValueError(f"{key} is neither true nor false")


def _date(text: str) -> str | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise ValueError(f"{text[:20]!r} is no date such as 14/11/2025") from None
