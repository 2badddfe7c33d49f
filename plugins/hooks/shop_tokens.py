"""The shop's tokens, kept between runs in one Airflow Variable, which Airflow encrypts."""

from __future__ import annotations

import json

from airflow.sdk import Variable
from airflow.sdk.log import mask_secret

from include.shoe_prices.sign_in import Tokens

VARIABLE = "shop_tokens"  # Airflow hides the value of a Variable with `token` in its name


class VariableTokens:
    """The only Variable of the project: everything else that a run keeps is in the lake."""

    def load(self) -> Tokens | None:
        """None if there are none, or if the value is something else: a login gives new ones."""
        text = Variable.get(VARIABLE, default=None)
        try:
            tokens = Tokens(**json.loads(text or "null"))
        except (TypeError, ValueError):
            return None
        _mask(tokens)
        return tokens

    def save(self, tokens: Tokens) -> None:
        _mask(tokens)
        Variable.set(VARIABLE, json.dumps(vars(tokens)), description="Of the connection shop_api")


def _mask(tokens: Tokens) -> None:
    mask_secret(tokens.access_token)
    mask_secret(tokens.refresh_token)
