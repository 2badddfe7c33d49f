"""One cache file and many processes: opening, writing and being killed at the same time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from include.vin_service.cache import Cache, Kept
from include.vin_service.decoding import Unknown, Vehicle

ROOT = Path(__file__).parents[2]
PROCESSES = 4

PUT_ALL = """
import sys
from pathlib import Path
from include.vin_service.cache import Cache
from tests.vin_service.test_cache_many import answers

print("here", flush=True)
sys.stdin.readline()
cache = Cache.open(Path(sys.argv[1]))
for number in range(20):
    cache.put(answers(int(sys.argv[2]), number), number, "official")
cache.close()
"""

PUT_FOR_EVER = """
import itertools, sys
from pathlib import Path
from include.vin_service.cache import Cache
from tests.vin_service.test_cache_many import answers

cache = Cache.open(Path(sys.argv[1]))
for number in itertools.count():
    cache.put(answers(int(sys.argv[2]), number), number, "official")
    print(number, flush=True)
"""


def answers(process: int, number: int) -> list[Vehicle | Unknown]:
    """Fifty answers that no other process and no other put has, two of them refusals."""
    vins = [f"{process:02}{number:06}{place:09}" for place in range(50)]
    found = [Vehicle(vin, "MAKE", f"Model {number % 9}", "2003", "") for vin in vins[2:]]
    return [*(Unknown(vin, f"not known: {number}") for vin in vins[:2]), *found]


@contextmanager
def running(program: str, path: Path, processes: int) -> Iterator[list[subprocess.Popen[str]]]:
    started = [
        subprocess.Popen(
            [sys.executable, "-B", "-c", program, str(path), str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("broken", [False, True], ids=["new", "broken"])
def test_processes_open_and_fill_it_together(tmp_path: Path, broken: bool) -> None:
    """Whether there is no file yet or a broken one, all make one cache, and no answer is lost."""
    path = tmp_path / "vins.db"
    if broken:
        path.write_bytes(b"broken" * 1_000)
    with running(PUT_ALL, path, PROCESSES) as started:
        for process in started:
            assert process.stdout.readline() == "here\n"
        for process in started:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(120) for process in started] == [0] * PROCESSES
    cache = Cache.open(path)
    assert cache.count() == PROCESSES * 20 * 48
    for process in range(PROCESSES):
        for number in range(20):
            put = answers(process, number)
            assert cache.get_many([one.vin for one in put]) == {
                one.vin: Kept(one, number) for one in put
            }
    cache.close()
    assert len(list(tmp_path.glob("*.corrupt-*"))) == broken


def test_a_kill_under_load_loses_nothing_that_was_reported(tmp_path: Path) -> None:
    """Writers killed in mid-write leave a cache that opens clean, with each put they reported."""
    path = tmp_path / "vins.db"
    Cache.open(path).close()
    with running(PUT_FOR_EVER, path, 3) as started:
        for process in started:
            assert [int(process.stdout.readline()) for _ in range(15)] == list(range(15))
        for process in started:
            process.kill()
        said = [process.stdout.read().splitlines(keepends=True) for process in started]
    # The last line may be cut.
    reported = [max([14, *(int(line) for line in lines if line.endswith("\n"))]) for lines in said]
    cache = Cache.open(path)
    assert not list(tmp_path.glob("*.corrupt-*"))
    for process, last in enumerate(reported):
        for number in range(last + 1):
            put = answers(process, number)
            assert cache.get_many([one.vin for one in put]) == {
                one.vin: Kept(one, number) for one in put
            }
        # The put after it is there as a whole, or not at all.
        following = [one.vin for one in answers(process, last + 1)]
        assert len(cache.get_many(following)) in {0, 50}
    cache.put([Unknown("9" * 17, "still writable")], 1, "official")
    cache.close()
