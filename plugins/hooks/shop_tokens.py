"""The tokens of the shop, kept between runs in one Airflow Variable, which Airflow encrypts."""

from __future__ import annotations

import json

from airflow.sdk import Variable
from airflow.sdk.log import mask_secret

from include.shoe_prices.sign_in import Tokens

VARIABLE = "shop_tokens"


class VariableTokens:
    """Its name has `token` in it, so that Airflow hides its value on every page and in every log.

    The only Variable of the project: everything else that a run leaves is in the lake.
    """

    def load(self) -> Tokens | None:
        """None where there are none, or what is there is not ours: a login makes new ones."""
        text = Variable.get(VARIABLE, default=None)
        try:
            tokens = Tokens(**json.loads(text or "null"))
        except (TypeError, ValueError):
            return None
        _hide(tokens)
        return tokens

    def save(self, tokens: Tokens) -> None:
        _hide(tokens)
        Variable.set(VARIABLE, json.dumps(vars(tokens)), description="Of the connection shop_api")


def _hide(tokens: Tokens) -> None:
    mask_secret(tokens.access_token)
    mask_secret(tokens.refresh_token)
