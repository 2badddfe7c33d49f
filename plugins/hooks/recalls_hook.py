"""The connection `recalls_api`, as the API that it leads to."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.first.rest import AuthError, NotFound, RestError, SourceUnavailable
from include.vehicle_recalls.contract import CONTRACT, DATASET
from include.vehicle_recalls.source import MAX_PAGE_SIZE, PAGE_SIZE, RecallsApi
from plugins.hooks.addresses import base_url

OFFICIAL_HOST = "data.transportation.gov"


class RecallsHook(BaseHook):
    """Host (with or without a scheme; https is meant), port and schema as usual.

    The password is the app token of the Socrata portal, optional. Extra: `dataset`, `api_key` (of
    api.data.gov, which the official host ignores) and `page_size`.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "recalls_api"
    conn_type = "http"
    hook_name = "Vehicle recalls"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._api: RecallsApi | None = None

    def get_conn(self) -> RecallsApi:
        if self._api is None:
            self._api = self._open()
        return self._api

    def test_connection(self) -> tuple[bool, str]:
        """Ask for one row, quickly, and hold the declared columns against the contract."""
        # Only here: it brings the whole lake with it.
        from include.vehicle_recalls.extract import ContractBroken, check_columns

        try:
            new = check_columns(self._open(attempts=2, total_s=20).columns())
        except RestError as error:
            return False, f"{error}. {self._cure(error)}"
        except ContractBroken as error:
            return False, (
                f"{error}. If another dataset was meant, set the extra `dataset` of the "
                f"connection `{self.conn_id}`; NHTSA's recalls are {DATASET}"
            )
        except (PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        also = f", and new ones: {', '.join(new)}" if new else ""
        return True, f"the API answers with all {len(CONTRACT.columns)} columns{also}"

    def _open(self, *, attempts: int = 5, total_s: float = 600) -> RecallsApi:
        connection = self.get_connection(self.conn_id)
        extra = connection.extra_dejson
        if not isinstance(extra, dict) or (connection.extra and not extra):
            # Airflow takes what is no JSON for an empty extra; another dataset would be read.
            raise PermanentError(
                f"the extra of the connection `{self.conn_id}` is no JSON object; correct it"
            )
        return RecallsApi(
            base_url(connection, self.conn_id, OFFICIAL_HOST),
            dataset=self._text("dataset", extra.get("dataset")) or DATASET,
            app_token=(connection.password or "").strip() or None,
            api_key=self._text("api_key", extra.get("api_key")) or None,
            page_size=self._page_size(extra.get("page_size", PAGE_SIZE)),
            attempts=attempts,
            total_s=total_s,
        )

    def _text(self, name: str, given: object) -> str:
        if not isinstance(given, str | None):
            # Not shown: it may be a key.
            raise PermanentError(
                f"the extra `{name}` of the connection `{self.conn_id}` is no text; "
                "put it between quotes"
            )
        return (given or "").strip()

    def _page_size(self, given: object) -> int:
        # Connections that were made in a form hold numbers as text.
        text = "" if isinstance(given, bool) else str(given)
        if text.isdecimal() and 1 <= int(text) <= MAX_PAGE_SIZE:
            return int(text)
        raise PermanentError(
            f"the extra `page_size` of the connection `{self.conn_id}` is {given!r}; "
            f"set a whole number from 1 to {MAX_PAGE_SIZE}, or leave it out"
        )

    def _cure(self, error: RestError) -> str:
        connection = f"the connection `{self.conn_id}`"
        if isinstance(error, AuthError):
            return (
                f"The password of {connection} is the app token: correct it, "
                "or leave it empty, for the data is public"
            )
        if isinstance(error, NotFound):
            return (
                f"Check the extra `dataset` of {connection}, which is {DATASET} for NHTSA's "
                f"recalls, and its host, {OFFICIAL_HOST}"
            )
        if isinstance(error, SourceUnavailable):
            return f"Is {OFFICIAL_HOST} meant? It goes into the host of {connection}"
        return f"Check the host of {connection}; the official one is {OFFICIAL_HOST}"
