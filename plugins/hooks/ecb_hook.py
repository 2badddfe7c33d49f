"""The connection `ecb_api`, as the rates of the European Central Bank."""

from datetime import date
from typing import Any

from include.http.errors import UnexpectedBody
from include.shoe_prices.ecb import OFFICIAL_HOST, Days, Ecb, rates_in
from plugins.hooks.api_hook import Access, ApiHook

A_DAY = date(2023, 2, 10)  # a Friday with a rate


class EcbHook(ApiHook[Ecb]):
    """The host is all that it needs."""

    default_conn_name = "ecb_api"
    official_host = OFFICIAL_HOST
    hook_name = "ECB exchange rates"

    def open_client(self, access: Access, **limits: Any) -> Ecb:
        return Ecb(access.url, **limits)

    def ask(self, client: Ecb) -> str:
        rates = rates_in(client.rates(Days(None, A_DAY)).content)
        if A_DAY not in rates:
            raise UnexpectedBody(f"the API has no rate for {A_DAY}, but the ECB published one")
        return f"on {A_DAY} a euro cost {rates[A_DAY]} US dollars"
