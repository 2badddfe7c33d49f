"""The connection `shop_api`, as the shop."""

from __future__ import annotations

from typing import Any

from include.shoe_prices.shop import OFFICIAL_HOST, Shop
from include.shoe_prices.sign_in import Account
from plugins.hooks.api_hook import Access, ApiHook
from plugins.hooks.shop_tokens import VariableTokens

NAME = "Headwaters"
AVATAR = "https://headwaters.example/avatar.png"  # the shop requires one


class ShopHook(ApiHook[Shop]):
    """The login is an email, the password four or more letters and digits. The first run creates
    a user that the shop does not have, with the `name` and the `avatar` of the extra.
    """

    default_conn_name = "shop_api"
    official_host = OFFICIAL_HOST
    hook_name = "Shop"

    def open_client(self, access: Access, **limits: Any) -> Shop:
        if not access.login or not access.password:
            raise self.refuse(
                "needs a login, which is an email, and a password of at least four letters and "
                "digits; set both"
            )
        name, avatar = (
            str(access.extra.get(key) or default).strip()
            for key, default in (("name", NAME), ("avatar", AVATAR))
        )
        account = Account(access.login, access.password, name, avatar)
        return Shop(access.url, account, VariableTokens(), **limits)

    def ask(self, client: Shop) -> str:
        return client.check_access()
