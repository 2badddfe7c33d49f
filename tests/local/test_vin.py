"""`make vin`: APIs, caches, printed calls and shutdown."""

import json
import os
import signal
from pathlib import Path

import pytest
import requests

from fakes.model_recalls import sample_vins
from local.processes import LocalError
from local.s3_engine import ROOT, S3
from local.stack import FAKES, Stack
from local.state import State, state_file
from local.vin import (
    REAL_VIN,
    SAMPLE_VINS,
    VIN_SERVICE,
    calls_to_try,
    run_vin,
    vin_service,
)
from tests.local.checkout import start


def environment_with(
    tmp_path: Path, settings: dict[str, str], fakes_url: str = ""
) -> dict[str, str]:
    """The environment of the service, printed by a stub."""
    module = tmp_path / "include" / "vin_service"
    module.mkdir(parents=True, exist_ok=True)
    (module / "__main__.py").write_text("import json, os; print(json.dumps(dict(os.environ)))")
    stack = Stack(tmp_path, str)
    stack.urls[FAKES] = fakes_url
    program = vin_service(stack, {"LAKE_BUCKET": "b"} | settings, "")
    program.start()[0].wait()
    return dict(json.loads(program.log.read_text()))


def test_each_source_has_its_own_cache_and_user_settings_win(tmp_path: Path):
    made_up = environment_with(tmp_path, {}, "http://f")
    real = environment_with(tmp_path, {})
    own = environment_with(tmp_path, {"VPIC_URL": "mine"}, "http://f")
    assert len({one["VIN_DB"] for one in (made_up, real, own)}) == 3
    assert (made_up["VPIC_URL"], made_up["RECALLS_API_URL"]) == ("http://f/api", "http://f")
    assert not {"VPIC_URL", "RECALLS_API_URL"} & real.keys()
    assert own["VPIC_URL"] == "mine"
    assert environment_with(tmp_path, {"VIN_DB": "x"})["VIN_DB"] == "x"


def test_example_calls_hide_the_key_and_match_the_api():
    named = calls_to_try("u", made_up=True, key=True)
    assert all('"X-API-Key: $VIN_API_KEY"' in line for line in named)
    assert not any("X-API-Key" in line for line in calls_to_try("u", made_up=True, key=False))
    real = calls_to_try("u", made_up=False, key=False)
    assert [REAL_VIN in line for line in real] == [True, True, False, True]


def test_sample_vins_match_the_fakes_and_the_containers():
    assert set(SAMPLE_VINS.split()) <= set(sample_vins(30_000, 1))
    assert f"VIN_SAMPLES={SAMPLE_VINS}\n" in (ROOT / "deploy/compose/fakes.env").read_text()


@pytest.fixture
def root(tmp_path: Path):
    for folder in ("include", "fakes"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    (tmp_path / ".env").write_text("S3_ENGINE=moto\n")  # moto starts faster
    yield tmp_path
    State.read(tmp_path).end_servers()


def test_printed_calls_work_until_ctrl_c(root: Path):
    with start(root, "vin", stderr=None) as process:
        try:
            urls: list[str] = []
            for line in process.stdout or ():
                if line.startswith("  curl "):
                    urls.append(line.split()[-1])
                if len(urls) == 3:
                    break
            answers = [requests.get(url, timeout=30) for url in urls]
            servers = State.read(root).servers
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate()
    assert process.returncode == 130
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert answers[1].json()["recalls"]
    assert answers[2].content.startswith(b"PAR1")
    assert servers.keys() == {S3, FAKES, VIN_SERVICE}
    assert not any(server.alive() for server in servers.values())
    assert not state_file(root).exists()


def test_dead_service_is_an_error_with_its_log(tmp_path: Path):
    module = tmp_path / "include" / "vin_service"
    module.mkdir(parents=True)
    (module / "__main__.py").write_text("print('a corrupt setting'); raise SystemExit(3)")
    (tmp_path / ".env").write_text("LAKE_BUCKET=none\nVPIC_URL=http://127.0.0.1:9\n")
    with pytest.raises(LocalError, match=r"ended with code 3 (.|\n)*a corrupt setting"):
        run_vin(tmp_path, live=False)
    assert not state_file(tmp_path).exists()
