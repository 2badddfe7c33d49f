"""The recalls API as a client sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from fakes.control import Control
from tests.fakes.queries import PAGE

Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(recalls_url: str, replica: Control) -> Ask:  # noqa: ARG001 - for its tidying up
    """Ask the dataset; names of parameters as they travel, headers apart."""

    def get(params: dict[str, Any] | None = None, **headers: str) -> requests.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{recalls_url}/resource/6axg-epim.json"
        return requests.get(url, params=params, headers=named, timeout=30)

    return get


@pytest.fixture
def page(ask: Ask) -> Callable[..., list[dict[str, Any]]]:
    """All rows that match, as the hook asks for them."""

    def get(where: str | None = None) -> list[dict[str, Any]]:
        answer = ask(PAGE | ({"$where": where} if where else {}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


@pytest.fixture
def count(ask: Ask) -> Callable[..., int]:
    def get(where: str | None = None) -> int:
        answer = ask({"$select": "count(*)"} | ({"$where": where} if where else {}))
        assert answer.status_code == 200, answer.text
        return int(answer.json()[0]["count"])

    return get
