"""The connection `shop_api`, as the shop that it leads to."""

from __future__ import annotations

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.first.rest import RestClient, RestError
from include.shoe_prices.shop import OFFICIAL_HOST, Shop, client_of
from include.shoe_prices.sign_in import Account, has_user, log_in
from plugins.hooks.addresses import base_url
from plugins.hooks.shop_tokens import VariableTokens

NAME = "Headwaters"
AVATAR = "https://headwaters.example/avatar.png"  # the shop wants one; nobody looks at it


class ShopHook(BaseHook):
    """Host (with or without a scheme; https is meant), port and schema as usual.

    The login is an email, the password letters and digits, four or more. A user that the shop
    does not know is created by the first run, with the `name` and the `avatar` of the extra.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "shop_api"
    conn_type = "http"
    hook_name = "Shop"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._shop: Shop | None = None

    def get_conn(self) -> Shop:
        if self._shop is None:
            url, account = self._read()
            self._shop = Shop(url, account, VariableTokens())
        return self._shop

    def test_connection(self) -> tuple[bool, str]:
        """Log in, quickly; no user is created, and the tokens that are kept stay as they are."""
        try:
            url, account = self._read()
            return self._logged_in(client_of(url, account, None, 2, 20), account)
        except RestError as error:
            return False, (
                f"{error}. Check the host of the connection `{self.conn_id}`; "
                f"the official one is {OFFICIAL_HOST}"
            )
        except (PermanentError, AirflowNotFoundException) as error:
            return False, str(error)

    def _logged_in(self, client: RestClient, account: Account) -> tuple[bool, str]:
        if log_in(client, account):
            return True, "the shop lets the user sign in"
        if has_user(client, account.email):
            return False, (
                "the shop knows this login and refuses its password; correct the password of the "
                f"connection `{self.conn_id}`, or take another login"
            )
        return True, "the shop has no such user yet; the first run creates it"

    def _read(self) -> tuple[str, Account]:
        connection = self.get_connection(self.conn_id)
        url = base_url(connection, self.conn_id, OFFICIAL_HOST)
        extra = connection.extra_dejson
        if not isinstance(extra, dict) or (connection.extra and not extra):
            raise PermanentError(
                f"the extra of the connection `{self.conn_id}` is no JSON object; correct it"
            )
        email, password = (connection.login or "").strip(), connection.password or ""
        if not email or not password:
            raise PermanentError(
                f"the connection `{self.conn_id}` needs a login, which is an email, and a "
                "password of at least four letters and digits; set both"
            )
        name, avatar = extra.get("name") or NAME, extra.get("avatar") or AVATAR
        return url, Account(email, password, str(name).strip(), str(avatar).strip())
