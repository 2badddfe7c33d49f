"""The connection `open_library_api`, as Open Library."""

import os
from typing import Any

from include.http.errors import AuthError, HttpError
from include.subject_books.client import OFFICIAL_HOST, OpenLibrary
from plugins.hooks.api_hook import Access, ApiHook

ANY_SUBJECT = "love"  # there is such a book as long as there are books


class OpenLibraryHook(ApiHook[OpenLibrary]):
    """No password. Extra: `contact`, a mail address or a page of yours.

    With a contact Open Library takes 3 requests a second instead of 1. HEADWATERS_CONTACT is used
    where the extra has none.
    """

    default_conn_name = "open_library_api"
    official_host = OFFICIAL_HOST
    hook_name = "Open Library"

    def open_client(self, access: Access, **limits: Any) -> OpenLibrary:
        contact = access.extra.get("contact") or os.environ.get("HEADWATERS_CONTACT") or ""
        if not isinstance(contact, str) or not contact.isprintable() or not contact.isascii():
            raise self.refuse("has an extra `contact` that is not a mail address or a page")
        return OpenLibrary(access.url, contact=contact.strip() or None, **limits)

    def ask(self, client: OpenLibrary) -> str:
        client.page(ANY_SUBJECT, limit=1)
        return "the API answers with a book"

    def hint(self, error: HttpError) -> str:
        if isinstance(error, AuthError):
            return (
                "Open Library refuses clients without a contact: set the extra `contact` of the "
                f"connection `{self.conn_id}` to your mail address"
            )
        return super().hint(error)
