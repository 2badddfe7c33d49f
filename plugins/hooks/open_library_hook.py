"""The connection `open_library_api`, as Open Library."""

from __future__ import annotations

import os

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.first.rest import AuthError, RestError
from include.subject_books.open_library import OFFICIAL_HOST, OpenLibrary
from plugins.hooks.addresses import base_url

ANY_SUBJECT = "love"  # that there is, as long as there are books


class OpenLibraryHook(BaseHook):
    """Host (with or without a scheme; https is meant), port and schema as usual. No password.

    Extra: `contact`, a mail address or a page of yours. Open Library asks to be told it, and with
    it takes 3 requests a second instead of 1. Without it, HEADWATERS_CONTACT is told.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "open_library_api"
    conn_type = "http"
    hook_name = "Open Library"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._api: OpenLibrary | None = None

    def get_conn(self) -> OpenLibrary:
        if self._api is None:
            self._api = self._open()
        return self._api

    def test_connection(self) -> tuple[bool, str]:
        """Ask for one book, quickly."""
        try:
            self._open(attempts=2, total_s=20).page(ANY_SUBJECT, limit=1)
        except AuthError as error:
            return False, (
                f"{error}. Open Library refuses who does not say who they are: set the extra "
                f"`contact` of the connection `{self.conn_id}` to your mail address"
            )
        except RestError as error:
            return False, (
                f"{error}. Check the host of the connection `{self.conn_id}`; "
                f"the official one is {OFFICIAL_HOST}"
            )
        except (PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        return True, "the API answers with a book"

    def _open(self, *, attempts: int = 5, total_s: float = 600) -> OpenLibrary:
        connection = self.get_connection(self.conn_id)
        url = base_url(connection, self.conn_id, OFFICIAL_HOST)
        return OpenLibrary(
            url,
            contact=self._contact(connection.extra, connection.extra_dejson),
            attempts=attempts,
            total_s=total_s,
        )

    def _contact(self, written: str | None, extra: object) -> str | None:
        if not isinstance(extra, dict) or (written and not extra and written.strip() != "{}"):
            # Airflow takes what is no JSON for an empty extra; nobody would be told of us.
            raise PermanentError(
                f"the extra of the connection `{self.conn_id}` is no JSON object; correct it"
            )
        contact = extra.get("contact") or os.environ.get("HEADWATERS_CONTACT") or ""
        if not isinstance(contact, str) or not contact.isprintable() or not contact.isascii():
            raise PermanentError(
                f"the extra `contact` of the connection `{self.conn_id}` is no mail address and "
                "no address of a page; correct it"
            )
        return contact.strip() or None
