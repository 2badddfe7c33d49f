"""The connection `ecb_api`: what it may say, and what testing a wrong one answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from fakes.control import Control
from include.errors import PermanentError
from include.shoe_prices.ecb import Ecb, rates_in
from plugins.hooks.ecb_hook import EcbHook

Connect = Callable[..., EcbHook]


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    waits: list[float] = []
    monkeypatch.setattr("include.first.rest.sleep", waits.append)
    return waits


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, recalls_url: str, replica: Control) -> Connect:
    """A hook whose connection leads to the replica, unless something else is said."""
    assert not replica.faults

    def connect(**parts: Any) -> EcbHook:
        connection = {"conn_type": "http", "host": recalls_url} | parts
        monkeypatch.setenv("AIRFLOW_CONN_ECB_API", json.dumps(connection))
        return EcbHook()

    return connect


def test_the_connection_is_opened_on_first_use_and_once(connect: Connect) -> None:
    """Making a hook asks for no connection; then one API serves."""
    hook = EcbHook("ecb_api_of_tomorrow")
    with pytest.raises(Exception, match="ecb_api_of_tomorrow"):
        hook.get_conn()
    hook = connect()
    assert isinstance(hook.get_conn(), Ecb)
    assert hook.get_conn() is hook.get_conn()


@pytest.mark.parametrize("path", ["", "/", "/service", "/service/"], ids=repr)
def test_the_path_of_the_api_need_not_be_given(
    connect: Connect, recalls_url: str, path: str
) -> None:
    """The host alone is enough, and its `/service` does no harm."""
    answer = connect(host=f"{recalls_url}{path}").get_conn().up_to(date(2023, 2, 10))
    assert max(rates_in(answer.content)) == date(2023, 2, 10)


def test_a_good_connection_tells_a_rate(connect: Connect) -> None:
    """One that was published long ago, and never changes."""
    assert connect().test_connection() == (True, "on 2023-02-10 a euro cost 1.069 US dollars")


@pytest.mark.parametrize("fault", ["500", "html", "refused", "cut", "429"])
def test_an_api_that_is_down_is_told_with_a_cure(
    connect: Connect, replica: Control, fault: str
) -> None:
    """What happened, and which host is meant."""
    replica.fault(fault, times=None)
    fine, message = connect().test_connection()
    assert not fine
    assert "data-api.ecb.europa.eu" in message


def test_a_host_without_rates_is_told(connect: Connect, recalls_url: str, replica: Control) -> None:
    """A wrong host, and one that answers well and has nothing."""
    fine, message = connect(host=f"{recalls_url}/elsewhere").test_connection()
    assert not fine
    assert "does not exist" in message
    replica.ecb.unpublished = {date(2023, 2, 10)}
    fine, message = connect().test_connection()
    assert not fine
    assert "there is no rate of 2023-02-10" in message


def test_a_connection_without_a_host_is_told(connect: Connect) -> None:
    """In one line, for the run and for the test of the connection."""
    hook = connect(host="")
    with pytest.raises(PermanentError, match="has no host"):
        hook.get_conn()
    assert not hook.test_connection()[0]
