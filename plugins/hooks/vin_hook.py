"""The connection `vin_api`, as the VIN service that it leads to."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.first.rest import AuthError, RestError
from include.vin_snapshots.vin_api import VinApi
from plugins.hooks.addresses import base_url

EXAMPLE_HOST = "http://127.0.0.1:8090, or wherever the VIN service is"


class VinHook(BaseHook):
    """Host (with or without a scheme; https is meant), port and schema as usual.

    The password is the service's VIN_API_KEY; a service on this machine may have none.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "vin_api"
    conn_type = "http"
    hook_name = "VIN service"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._api: VinApi | None = None

    def get_conn(self) -> VinApi:
        if self._api is None:
            self._api = self._open()
        return self._api

    def test_connection(self) -> tuple[bool, str]:
        """Ask for its health, and for something that it tells only with the key."""
        try:
            self._open(attempts=2, total_s=20).check_access()
        except AuthError as error:
            return False, (
                f"{error}. The password of the connection `{self.conn_id}` is the service's "
                "VIN_API_KEY: set it to the same"
            )
        except RestError as error:
            return False, (
                f"{error}. Check the host of the connection `{self.conn_id}`: {EXAMPLE_HOST}"
            )
        except (PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        return True, "the VIN service answers"

    def _open(self, *, attempts: int = 5, total_s: float = 1800) -> VinApi:
        connection = self.get_connection(self.conn_id)
        return VinApi(
            base_url(connection, self.conn_id, EXAMPLE_HOST),
            (connection.password or "").strip() or None,
            attempts=attempts,
            total_s=total_s,
        )
