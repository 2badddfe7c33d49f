"""vPIC, NHTSA's decoder of VINs, asked for one VIN or for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from include.first.exchange import Answer
from include.first.rest import RestClient, UnexpectedBody
from include.vin_service.decoding import Illegible, Unknown, Vehicle, verdict

BATCH = 50  # vPIC decodes no more at once
MOST_BYTES = 5_000_000  # fifty decoded VINs are about 400 kB
FORMAT = {"format": "json"}


class Decoded(NamedTuple):
    """What vPIC said of each VIN; one that it left out, or answered illegibly, is not there."""

    answers: dict[str, Vehicle | Unknown]
    source: str


class Vpic:
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

    def decode(self, vins: Sequence[str]) -> Decoded:
        """Up to a batch of VINs, each as `checked` gives it."""
        if not 1 <= len(vins) <= BATCH:
            raise ValueError(f"{len(vins)} VINs were to be decoded; give 1 to {BATCH} at once")

        def check(answer: Answer) -> None:
            _answers(answer, vins)

        if len(vins) == 1:
            path = f"/vehicles/DecodeVinValues/{vins[0]}"
            answer = self._client.get(path, params=FORMAT, check=check)
        else:
            answer = self._client.request(
                "POST",
                "/vehicles/DecodeVINValuesBatch/",
                form={"DATA": ";".join(vins), **FORMAT},
                repeatable=True,
                check=check,
            )
        return Decoded(_answers(answer, vins), answer.publisher)


def _answers(answer: Answer, vins: Sequence[str]) -> dict[str, Vehicle | Unknown]:
    """By the VIN that each result names: they may come in any order, and some not at all."""
    body = answer.json()
    results = body.get("Results") if isinstance(body, dict) else None
    answers = {}
    for result in results if isinstance(results, list) else []:
        vin = _vin_of(result)
        if vin in vins:
            try:
                answers[vin] = verdict(vin, result)
            except Illegible:
                continue
    if not answers:
        raise UnexpectedBody(
            f"{answer.where} answered with JSON that decodes none of the {len(vins)} VINs asked "
            "for; check the host, or try again later"
        )
    return answers


def _vin_of(result: Any) -> str:
    vin = result.get("VIN") if isinstance(result, dict) else None
    return vin.strip().upper() if isinstance(vin, str) else ""
