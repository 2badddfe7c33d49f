"""Valid and invalid extras of the connection `recalls_api`."""

import json
from typing import Any

import pytest

from include.errors import PermanentError
from include.vehicle_recalls.client import PAGE_SIZE, RecallsApi
from plugins.hooks.recalls_hook import RecallsHook


def open_api(monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]) -> RecallsApi:
    connection = {"conn_type": "http", "host": "api.example", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_RECALLS_API", json.dumps(connection))
    return RecallsHook().get_conn()


@pytest.mark.parametrize(
    ("extra", "page_size"),
    [({}, PAGE_SIZE), ({"page_size": "7"}, 7), ({"dataset": "", "api_key": None}, PAGE_SIZE)],
    ids=str,
)
def test_get_conn_accepts_page_size_as_text(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any], page_size: int
) -> None:
    assert open_api(monkeypatch, extra).page_size == page_size


@pytest.mark.parametrize(
    "extra",
    [{"page_size": 0}, {"page_size": "many"}, {"page_size": 1e9}, {"api_key": 12345678}],
    ids=str,
)
def test_get_conn_refuses_invalid_extra_without_showing_its_value(
    monkeypatch: pytest.MonkeyPatch, extra: dict[str, Any]
) -> None:
    (name,) = extra
    with pytest.raises(PermanentError, match=f"`recalls_api` has an extra .*{name}") as caught:
        open_api(monkeypatch, extra)
    assert "12345678" not in str(caught.value)
