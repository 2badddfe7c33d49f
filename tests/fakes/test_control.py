"""The control, in process and over HTTP, and the server as a program."""

import re
import signal
import subprocess
import sys
from datetime import date

import pytest
import requests

from fakes.app import create_app
from fakes.serve import serving


def test_reset_restores_what_was_created(replica, count):
    replica.rows, replica.seed, replica.day = 5, 5, 5
    replica.shop.dials.price = "zero"
    replica.fault("503", times=None)
    replica.reset()
    assert (replica.rows, replica.seed, replica.day) == (1_200, 7, 1)
    assert replica.requests == []
    assert replica.shop.dials.price is None
    assert count() == 1_200


def test_everything_is_set_and_shown_over_http(recalls_url, replica, ask):
    control = f"{recalls_url}/_control"
    change = {
        "day": 2,
        "rows": 500,
        "date": "2026-07-01T12:00:00Z",
        "fault": {"kind": "503", "only": "count"},
        "shop": {"shoes": None},
        "ecb": {"unpublished": ["2023-02-10"]},
        "krakenflex": {"odd_sites": True},
        "open_library": {"limited": True},
    }
    assert requests.post(control, json=change, timeout=30).status_code == 200
    assert requests.post(control, json={"shop": {"price": "zero"}}, timeout=30).status_code == 200
    assert (replica.shop.dials.shoes, replica.shop.dials.price) == (None, "zero")
    assert replica.ecb.unpublished == {date(2023, 2, 10)}
    assert replica.krakenflex.dials.odd_sites
    assert replica.open_library.dials.limited
    assert ask({"$select": "count(*)"}).status_code == 503
    assert ask().headers["Date"] == "Wed, 01 Jul 2026 12:00:00 GMT"
    shown = requests.get(control, timeout=30).json()
    assert (shown["day"], shown["rows"], shown["seed"], len(shown["requests"])) == (2, 500, 7, 2)
    assert shown["shop"]["price"] == "zero"
    assert shown["outages_accepted"] == {}
    requests.post(control, json={"reset": True}, timeout=30)
    assert (replica.day, replica.rows, replica.faults) == (1, 1_200, [])


@pytest.mark.parametrize(
    "change",
    [
        *({"days": 2}, {"day": 0}, {"day": 367}, {"rows": -1}, {"rows": None}),
        *({"fault": {"kind": "x"}}, {"shop": {"price": "odd"}}, {"krakenflex": {"key": "x"}}),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(recalls_url, replica, change):
    answer = requests.post(f"{recalls_url}/_control", json=change, timeout=30)
    assert answer.status_code in (400, 422)
    assert (replica.day, replica.rows, replica.faults) == (1, 1_200, [])
    assert replica.shop.dials.price is None


def test_a_port_in_use_is_said_in_one_line():
    with serving(create_app(rows=1)) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1"), serving(create_app(), port):
            pass


def test_the_program_says_when_it_is_ready_and_ends_on_sigterm():
    command = [sys.executable, "-m", "fakes", "--port", "0", "--rows", "50", "--day", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            ready = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", program.stdout.readline())
            url = f"{ready[1]}/resource/6axg-epim.json"
            answer = requests.get(url, params={"$select": "count(*)"}, timeout=30)
            assert int(answer.json()[0]["count"]) > 50
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == 0
