"""The connection `ecb_api`: what it may say, and what testing a wrong one answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from fakes.control import Control
from include.shoe_prices.ecb import Days, rates_in
from plugins.hooks.ecb_hook import EcbHook

FRIDAY = date(2023, 2, 10)
Connect = Callable[..., EcbHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, world: Control) -> Connect:
    """A hook whose connection leads to the fake, unless `parts` say otherwise."""
    assert not world.faults

    def connect(**parts: Any) -> EcbHook:
        connection = {"conn_type": "http", "host": recalls_url} | parts
        monkeypatch.setenv("AIRFLOW_CONN_ECB_API", json.dumps(connection))
        return EcbHook()

    return connect


@pytest.mark.parametrize("path", ["", "/", "/service", "/service/"], ids=repr)
def test_get_conn_takes_the_host_with_or_without_path(
    connect: Connect, recalls_url: str, path: str
) -> None:
    answer = connect(host=f"{recalls_url}{path}").get_conn().rates(Days(None, FRIDAY))
    assert max(rates_in(answer.content)) == FRIDAY


def test_test_connection_good_connection_has_a_rate(connect: Connect) -> None:
    assert connect().test_connection() == (True, "on 2023-02-10 a euro cost 1.069 US dollars")


@pytest.mark.parametrize("fault", ["500", "html"])
def test_test_connection_api_that_is_down_names_the_official_host(
    connect: Connect, world: Control, fault: str
) -> None:
    world.fault(fault, times=None)
    good, sentence = connect().test_connection()
    assert not good
    assert "data-api.ecb.europa.eu" in sentence


def test_test_connection_host_without_rates_is_refused(
    connect: Connect, recalls_url: str, world: Control
) -> None:
    good, sentence = connect(host=f"{recalls_url}/elsewhere").test_connection()
    assert not good
    assert "does not exist" in sentence
    world.ecb.unpublished = {FRIDAY}
    good, sentence = connect().test_connection()
    assert not good
    assert "no rate for 2023-02-10" in sentence
