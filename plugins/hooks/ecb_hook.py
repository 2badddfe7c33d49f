"""The connection `ecb_api`, as the exchange rates that it leads to."""

from __future__ import annotations

from datetime import date

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.first.rest import RestError
from include.shoe_prices.ecb import OFFICIAL_HOST, Ecb, rates_in
from plugins.hooks.addresses import base_url

A_DAY = date(2023, 2, 10)  # a Friday that has a rate for ever


class EcbHook(BaseHook):
    """Host (with or without a scheme; https is meant), port and schema as usual. No key."""

    conn_name_attr = "conn_id"
    default_conn_name = "ecb_api"
    conn_type = "http"
    hook_name = "ECB exchange rates"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._ecb: Ecb | None = None

    def get_conn(self) -> Ecb:
        if self._ecb is None:
            self._ecb = self._open()
        return self._ecb

    def test_connection(self) -> tuple[bool, str]:
        """Ask for the rate of one day, quickly."""
        try:
            rates = rates_in(self._open(attempts=2, total_s=20).up_to(A_DAY).content)
        except RestError as error:
            return False, (
                f"{error}. Check the host of the connection `{self.conn_id}`; "
                f"the official one is {OFFICIAL_HOST}"
            )
        except (PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        if A_DAY not in rates:
            return False, (
                f"there is no rate of {A_DAY}, which the ECB has; check the host of the "
                f"connection `{self.conn_id}`, which is {OFFICIAL_HOST}"
            )
        return True, f"on {A_DAY} a euro cost {rates[A_DAY]} US dollars"

    def _open(self, *, attempts: int = 5, total_s: float = 600) -> Ecb:
        connection = self.get_connection(self.conn_id)
        url = base_url(connection, self.conn_id, OFFICIAL_HOST)
        return Ecb(url, attempts=attempts, total_s=total_s)
