"""The connection `krakenflex_api`, as the API of KrakenFlex."""

from typing import Any

from include.site_outages.client import OFFICIAL_HOST, KrakenFlex
from plugins.hooks.api_hook import Access, ApiHook


class KrakenFlexHook(ApiHook[KrakenFlex]):
    """The password is the key of the API; the host works with the path of the API or without."""

    hook_name = "KrakenFlex"
    default_conn_name = "krakenflex_api"
    official_host = OFFICIAL_HOST

    def open_client(self, access: Access, **limits: Any) -> KrakenFlex:
        if not access.password:
            raise self.refuse("has no password; set it to the key of the API")
        return KrakenFlex(access.url, access.password, **limits)

    def ask(self, client: KrakenFlex) -> str:
        client.outages()
        return "the API answers with its list of outages"
