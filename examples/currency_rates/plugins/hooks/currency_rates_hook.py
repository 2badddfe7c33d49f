"""The connection `ecb_api`, as the reference rates of every currency."""

from typing import Any

from include.currency_rates.client import OFFICIAL_HOST, CurrencyRates
from plugins.hooks.api_hook import Access, ApiHook


class CurrencyRatesHook(ApiHook[CurrencyRates]):
    hook_name = "ECB currency rates"
    default_conn_name = "ecb_api"
    official_host = OFFICIAL_HOST

    def open_client(self, access: Access, **limits: Any) -> CurrencyRates:
        return CurrencyRates(access.url, **limits)

    def ask(self, client: CurrencyRates) -> str:
        client.last_rates()
        return "the API answers with exchange rates"
