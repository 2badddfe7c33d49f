"""The connection `krakenflex_api`, as the API that it leads to."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.first.rest import AuthError, NotFound, RestError
from include.site_outages.krakenflex import OFFICIAL_HOST, Krakenflex
from plugins.hooks.addresses import base_url


class KrakenflexHook(BaseHook):
    """Host (with or without a scheme; https is meant), port and schema as usual.

    The password is the API's key, which every call needs. The path of the API need not be given.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "krakenflex_api"
    conn_type = "http"
    hook_name = "KrakenFlex"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._api: Krakenflex | None = None

    def get_conn(self) -> Krakenflex:
        if self._api is None:
            self._api = self._open()
        return self._api

    def test_connection(self) -> tuple[bool, str]:
        """Ask for all outages, quickly: that needs the host and the key to be right."""
        try:
            self._open(attempts=2, total_s=20).outages()
        except (AuthError, NotFound) as error:
            return False, str(error)  # which says what to do
        except RestError as error:
            return False, (
                f"{error}. Check the host of the connection `{self.conn_id}`; "
                f"the official one is {OFFICIAL_HOST}"
            )
        except (PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        return True, "the API answers with its list of outages"

    def _open(self, *, attempts: int = 5, total_s: float = 600) -> Krakenflex:
        connection = self.get_connection(self.conn_id)
        url = base_url(connection, self.conn_id, OFFICIAL_HOST)
        key = (connection.password or "").strip()
        if not key:
            raise PermanentError(
                f"the connection `{self.conn_id}` has no password; set it to the key of the API"
            )
        return Krakenflex(url, key, attempts=attempts, total_s=total_s)
