"""The European Central Bank's reference rates, the last one of every currency."""

from typing import Any

from include.http.client import HttpClient, Response

OFFICIAL_HOST = "data-api.ecb.europa.eu"
PATH = "/service/data/EXR/D..EUR.SP00.A"
LAST_RATES = {"format": "csvdata", "detail": "dataonly", "lastNObservations": "1"}
COLUMNS = (b"CURRENCY", b"TIME_PERIOD", b"OBS_VALUE")


class CurrencyRates:
    """Needs no key."""

    def __init__(self, host: str, **limits: Any) -> None:
        self._client = HttpClient(host, **limits)

    def last_rates(self) -> Response:
        return self._client.get(PATH, params=LAST_RATES, check=_check)


def _check(response: Response) -> None:
    header, _, rows = response.content.partition(b"\n")
    if not rows or not set(COLUMNS) <= set(header.strip().split(b",")):
        raise response.unexpected("sent no exchange rates")
