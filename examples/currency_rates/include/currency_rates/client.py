"""The European Central Bank's reference rates, the last one of every currency."""

from include.http.client import HttpClient, Response
from include.http.errors import UnexpectedBody

OFFICIAL_HOST = "data-api.ecb.europa.eu"
PATH = "/service/data/EXR/D..EUR.SP00.A"
LAST_RATES = {"format": "csvdata", "detail": "dataonly", "lastNObservations": "1"}
COLUMNS = (b"CURRENCY", b"TIME_PERIOD", b"OBS_VALUE")


class CurrencyRates:
    """Needs no key."""

    def __init__(self, host: str, *, attempts: int = 5, total_s: float = 600) -> None:
        self._client = HttpClient(host, attempts=attempts, total_s=total_s)

    def last_rates(self) -> Response:
        return self._client.get(PATH, params=LAST_RATES, check=_check)


def _check(response: Response) -> None:
    _ = response.date  # raises when it is missing or wrong
    header, _, rows = response.content.partition(b"\n")
    if not rows or not set(COLUMNS) <= set(header.strip().split(b",")):
        raise UnexpectedBody(
            f"{response.where} sent no exchange rates; check that the host is {OFFICIAL_HOST}"
        )
