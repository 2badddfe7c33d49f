"""The dials, from inside the process and over HTTP, and the server as a program."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest
import requests

from fakes.app import create_app
from fakes.serve import serving


def test_requests_are_remembered(ask, replica):
    """Method, path and parameters of each; the control's own are not among them."""
    ask({"$limit": 1})
    asked = replica.requests[-1]
    assert asked == ("GET", "/resource/6axg-epim.json", {"$limit": "1"})
    assert asked.purpose == "page"
    replica.reset()
    assert replica.requests == []


def test_reset_puts_back_how_it_was_created(replica, count):
    """Rows, seed, day, tokens, date, faults and memory."""
    replica.rows, replica.seed, replica.day = 5, 5, 5
    replica.valid_tokens = set()
    replica.fault("503", times=None)
    replica.reset()
    assert (replica.rows, replica.seed, replica.day) == (1_200, 7, 1)
    assert replica.valid_tokens
    assert count() == 1_200


def test_the_control_over_http(recalls_url, replica, ask):
    """Another process sets the same dials, and reads them back."""
    control = f"{recalls_url}/_control"
    change = {"day": 2, "rows": 500, "fault": {"kind": "503", "only": "count"}}
    assert requests.post(control, json=change, timeout=30).status_code == 200
    assert (replica.day, replica.rows) == (2, 500)
    assert ask({"$select": "count(*)"}).status_code == 503
    shown = requests.get(control, timeout=30).json()
    assert (shown["day"], shown["seed"], len(shown["requests"])) == (2, 7, 1)
    requests.post(control, json={"reset": True}, timeout=30)
    assert (replica.day, replica.rows, replica.faults) == (1, 1_200, [])


@pytest.mark.parametrize(
    "change", [{"days": 2}, {"day": 0}, {"day": 367}, {"rows": -1}, {"fault": {"kind": "x"}}]
)
def test_a_wrong_setting_is_refused(recalls_url, replica, change):
    """A clear 4xx, and nothing changed."""
    answer = requests.post(f"{recalls_url}/_control", json=change, timeout=30)
    assert answer.status_code in (400, 422)
    assert (replica.day, replica.rows, replica.faults) == (1, 1_200, [])


def test_a_port_in_use_is_said_in_one_line():
    """Which port, of which host."""
    with serving(create_app(rows=1)) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1"), serving(create_app(), port):
            pass


def test_the_program_says_when_it_is_ready_and_ends_when_told():
    """`python -m fakes` prints its address on a line of its own."""
    command = [
        sys.executable,
        "-m",
        "fakes",
        "--port",
        "0",
        "--rows",
        "50",
        "--day",
        "3",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            ready = re.fullmatch(r"ready (http://127\.0\.0\.1:\d+)\n", program.stdout.readline())
            url = f"{ready[1]}/resource/6axg-epim.json"
            answer = requests.get(url, params={"$select": "count(*)"}, timeout=30)
            assert int(answer.json()[0]["count"]) > 50
        finally:
            program.send_signal(signal.SIGTERM)
        assert program.wait(timeout=30) == 0


def test_the_program_refuses_a_day_that_is_not():
    """One line of usage, exit code 2."""
    command = [sys.executable, "-m", "fakes", "--day", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 2
    assert "the day is 1 to 366" in ended.stderr
