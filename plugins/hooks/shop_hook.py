"""The connection `shop_api`, as the shop; its tokens are stored in an Airflow Variable."""

import json
from typing import Any

from airflow.sdk import Variable
from airflow.sdk.log import mask_secret

from include.shoe_prices.shop import OFFICIAL_HOST, Shop
from include.shoe_prices.sign_in import Account, Tokens
from plugins.hooks.api_hook import Access, ApiHook

NAME = "Headwaters"
AVATAR = "https://headwaters.example/avatar.png"  # the shop requires one
VARIABLE = "shop_tokens"  # Airflow hides the value of a Variable with `token` in its name


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
        name = str(access.extra.get("name") or NAME).strip()
        avatar = str(access.extra.get("avatar") or AVATAR).strip()
        account = Account(access.login, access.password, name, avatar)
        return Shop(access.url, account, VariableTokens(), **limits)

    def ask(self, client: Shop) -> str:
        return client.check_access()


class VariableTokens:
    """The only Variable of the project, encrypted: all else that a run keeps is in the lake."""

    def load(self) -> Tokens | None:
        """None if there are none, or if the value is something else: a login gives new ones."""
        text = Variable.get(VARIABLE, default=None)
        try:
            tokens = Tokens(**json.loads(text or "null"))
        except (TypeError, ValueError):
            return None
        mask_secret([tokens.access_token, tokens.refresh_token])
        return tokens

    def save(self, tokens: Tokens) -> None:
        mask_secret([tokens.access_token, tokens.refresh_token])
        Variable.set(VARIABLE, json.dumps(vars(tokens)), description="Of the connection shop_api")
