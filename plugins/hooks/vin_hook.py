"""The connection `vin_api`, as the VIN service."""

from typing import Any

from include.vin_snapshots.client import VinService
from plugins.hooks.api_hook import Access, ApiHook


class VinHook(ApiHook[VinService]):
    """The password is the VIN_API_KEY of the service; a service on this machine may have none."""

    hook_name = "VIN service"
    default_conn_name = "vin_api"
    official_host = "http://127.0.0.1:8090, if the service is on this machine"
    password_is = "the VIN_API_KEY of the service"  # noqa: S105 - what it is, not the password

    def open_client(self, access: Access, **limits: Any) -> VinService:
        return VinService(access.url, access.password or None, **limits)

    def ask(self, client: VinService) -> str:
        client.check_access()
        return "the VIN service answers"
