"""The control API of the fakes, and `python -m fakes`."""

import re
import signal
import subprocess
import sys

import pytest
import requests

from fakes.app import create_app
from fakes.serve import serving


def test_reset_restores_initial_state(replica, count):
    replica.rows, replica.seed, replica.day = 5, 5, 5
    replica.shop.price = "text"
    replica.fault("503", times=None)
    replica.reset()
    assert (replica.rows, replica.seed, replica.day) == (1_200, 7, 1)
    assert replica.requests == []
    assert replica.shop.price is None
    assert count() == 1_200


def test_control_sets_and_shows_day_over_http(recalls_url, replica, ask):
    control = f"{recalls_url}/_control"
    assert requests.post(control, json={"day": 2}, timeout=30).json() == {"day": 2}
    ask()
    shown = requests.get(control, timeout=30).json()
    assert (shown["day"], replica.day, len(shown["requests"])) == (2, 2, 1)
    for wrong in ({"days": 2}, {"day": 0}, {"day": 367}):
        assert requests.post(control, json=wrong, timeout=30).status_code == 422
    assert replica.day == 2


def test_port_in_use_is_named_in_error():
    with serving(create_app(rows=1)) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=f"port {port} of 127.0.0.1"), serving(create_app(), port):
            pass


def test_program_prints_ready_and_ends_on_sigterm():
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
