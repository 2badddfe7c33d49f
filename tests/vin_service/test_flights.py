"""One flight a VIN, across processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.first.rest import SourceUnavailable
from include.vin_service.flights import Flights

ROOT = Path(__file__).resolve().parents[2]
ONE, OTHER = "1HGCM82633A004352", "1M8GDM9AXKP042788"
HOLD = """
import sys
from pathlib import Path
from include.vin_service.flights import Flights
with Flights(Path(sys.argv[1])).held(sys.argv[2:], 5):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path, *vins: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds these VINs until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path), *vins]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as child:
        assert child.stdout
        assert child.stdout.readline() == "held\n"
        try:
            yield child
        finally:
            child.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vins.db.flights"


@pytest.fixture
def flights(path: Path) -> Iterator[Flights]:
    flights = Flights(path)
    yield flights
    flights.close()


def test_a_vin_that_another_process_asks_for_is_waited_for(flights: Flights, path: Path) -> None:
    """Who comes second gets through when the first has ended, and not before."""
    with held_elsewhere(path, ONE) as other:
        with pytest.raises(SourceUnavailable, match="another worker"), flights.held([ONE], 0.1):
            pytest.fail("both hold it")
        with ThreadPoolExecutor(1) as aside:
            waits = aside.submit(lambda: flights.held([ONE], 30).__enter__())
            assert not waits.done()
            assert other.stdin
            other.stdin.close()
            waits.result(30)


def test_other_vins_are_not_waited_for(flights: Flights, path: Path) -> None:
    """A flight holds up nobody but those who ask for the same VIN."""
    with held_elsewhere(path, ONE), flights.held([OTHER], 0):
        pass


def test_a_killed_process_holds_nothing(flights: Flights, path: Path) -> None:
    """After SIGKILL the VIN can be asked for at once: the system has let go of it."""
    with held_elsewhere(path, ONE) as other:
        other.kill()
        other.wait()
        with flights.held([ONE], 0):
            pass


def test_what_was_held_is_free_again(flights: Flights, path: Path) -> None:
    """Also after an error, and also what was taken before a VIN that was not to be had."""
    with pytest.raises(ZeroDivisionError), flights.held([ONE], 0):
        raise ZeroDivisionError
    with (
        held_elsewhere(path, OTHER),
        pytest.raises(SourceUnavailable),
        flights.held([ONE, OTHER], 0),
    ):
        pytest.fail("both hold it")
    with held_elsewhere(path, ONE, OTHER):
        pass
    with flights.held([ONE, OTHER], 0):
        pass
    with held_elsewhere(path, ONE, OTHER):
        pass


def test_all_take_their_vins_in_one_order(
    flights: Flights, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that share VINs take the shared ones alike, so that neither waits for the other."""
    taken: list[int] = []
    monkeypatch.setattr(flights, "_take", lambda place: not taken.append(place))  # type: ignore[func-returns-value]
    for vins in ([ONE, OTHER], [OTHER, ONE]):
        with flights.held(vins, 0):
            pass
    assert len(set(taken)) == 2
    assert taken[:2] == taken[2:]
