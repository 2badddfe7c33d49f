"""The connection `recalls_api`, as the API that it leads to."""

from typing import Any

from include.http.errors import AuthError, HttpError, NotFound
from include.vehicle_recalls.client import MAX_PAGE_SIZE, PAGE_SIZE, RecallsApi
from include.vehicle_recalls.contract import DATASET, RECALLS
from plugins.hooks.api_hook import Access, ApiHook


class RecallsHook(ApiHook[RecallsApi]):
    """The password is the app token of the Socrata portal, optional.

    Extra: `dataset`, `api_key` (of api.data.gov, which the official host ignores), `page_size`.
    """

    default_conn_name = "recalls_api"
    hook_name = "Vehicle recalls"
    official_host = "data.transportation.gov"
    password_is = "the app token; leave it empty to read without one"  # noqa: S105

    def open_client(self, access: Access, **limits: Any) -> RecallsApi:
        return RecallsApi(
            access.url,
            dataset=self._text(access, "dataset") or DATASET,
            app_token=access.password or None,
            api_key=self._text(access, "api_key") or None,
            page_size=self._page_size(access.extra.get("page_size", PAGE_SIZE)),
            **limits,
        )

    def ask(self, client: RecallsApi) -> str:
        """Ask for one row, and hold the declared columns against the contract."""
        from include.vehicle_recalls.transform import check_columns  # heavy: it brings Arrow

        new = check_columns(client.columns())
        also = f", and new ones: {', '.join(new)}" if new else ""
        return f"the API answers with all {len(RECALLS.columns)} columns{also}"

    def hint(self, error: HttpError) -> str:
        if isinstance(error, NotFound) and not isinstance(error, AuthError):
            return (
                f"Check the extra `dataset` of the connection `{self.conn_id}`, which is {DATASET} "
                f"for NHTSA's recalls, and its host, {self.official_host}"
            )
        return super().hint(error)

    def _text(self, access: Access, name: str) -> str:
        value = access.extra.get(name)
        if not isinstance(value, str | None):
            # Not shown: it may be a key.
            raise self.refuse(f"has an extra `{name}` that is not text; put it between quotes")
        return (value or "").strip()

    def _page_size(self, value: object) -> int:
        # A connection that was made in a form holds numbers as text.
        text = "" if isinstance(value, bool) else str(value)
        if text.isdecimal() and 1 <= int(text) <= MAX_PAGE_SIZE:
            return int(text)
        raise self.refuse(
            f"has the extra `page_size` {value!r}; set a whole number from 1 to {MAX_PAGE_SIZE}, "
            "or leave it out"
        )
