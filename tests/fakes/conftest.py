"""Fixtures that query the fake recalls API."""

import pytest
import requests

PAGE = {"$select": ":*,*", "$order": "nhtsa_id,:id", "$limit": 50_000}


@pytest.fixture
def ask(recalls_url, replica):  # noqa: ARG001 - resets the fakes
    """Query the dataset; keyword arguments become headers."""

    def get(params=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{recalls_url}/resource/6axg-epim.json"
        return requests.get(url, params=params, headers=named, timeout=60)

    return get


@pytest.fixture
def page(ask):
    """All matching rows, queried as the pipeline does."""

    def get(where=None):
        answer = ask(PAGE | ({"$where": where} if where else {}))
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get


@pytest.fixture
def count(ask):
    def get(where=None):
        answer = ask({"$select": "count(*)"} | ({"$where": where} if where else {}))
        assert answer.status_code == 200, answer.text
        return int(answer.json()[0]["count"])

    return get
