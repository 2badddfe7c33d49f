"""The connection `recalls_api`, as the API that it leads to."""

from typing import Annotated, Any

import msgspec

from include.http.errors import HttpError, NotFound
from include.vehicle_recalls.client import MAX_PAGE_SIZE, PAGE_SIZE, RecallsApi
from include.vehicle_recalls.contract import DATASET, RECALLS
from plugins.hooks.api_hook import Access, ApiHook


class Extra(msgspec.Struct):
    """What the connection's extra may hold."""

    dataset: str | None = None
    api_key: str | None = None
    page_size: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE_SIZE)] = PAGE_SIZE


class RecallsHook(ApiHook[RecallsApi]):
    """The password is the app token of the Socrata portal, optional.

    Extra: `dataset`, `api_key` (of api.data.gov, which the official host ignores), `page_size`.
    """

    default_conn_name = "recalls_api"
    hook_name = "Vehicle recalls"
    official_host = "data.transportation.gov"
    password_is = "the app token; leave it empty to read without one"  # noqa: S105

    def open_client(self, access: Access, **limits: Any) -> RecallsApi:
        try:
            # Not strict: a connection that was made in a form holds numbers as text.
            extra = msgspec.convert(access.extra, Extra, strict=False)
        except msgspec.ValidationError as error:
            raise self.refuse(f"has an extra that cannot be used: {error}; correct it") from None
        return RecallsApi(
            access.url,
            dataset=extra.dataset or DATASET,
            app_token=access.password or None,
            api_key=extra.api_key or None,
            page_size=extra.page_size,
            **limits,
        )

    def ask(self, client: RecallsApi) -> str:
        """Ask for one row, and hold the declared columns against the contract."""
        from include.vehicle_recalls.transform import check_columns  # heavy: it brings Arrow

        new = check_columns(client.columns())
        also = f", and new ones: {', '.join(new)}" if new else ""
        return f"the API answers with all {len(RECALLS.columns)} columns{also}"

    def hint(self, error: HttpError) -> str:
        if isinstance(error, NotFound):
            return (
                f"Check the extra `dataset` of the connection `{self.conn_id}`, which is {DATASET} "
                f"for NHTSA's recalls, and its host, {self.official_host}"
            )
        return super().hint(error)
