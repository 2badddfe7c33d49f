"""A run that dies or meets another: one version or the other, and the next run mends the rest."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.client import BaseClient

from include.first.lake import Lake, LakeError
from include.vin_snapshots.fetch import KEYS, check, fetch
from include.vin_snapshots.publish import project, publish
from include.vin_snapshots.run import run
from include.vin_snapshots.vin_api import VinApi
from tests.faulty_s3 import FaultyS3
from tests.vin_snapshots.stub import Stub, vehicle

LOG = "_delta_log/"


def vins(lake: Lake, key: str) -> list[str]:
    return [str(vin) for vin in lake.read_parquet(key, ["vin"])["vin"].to_pylist()]


def vins_of(*numbers: int) -> list[str]:
    return [vehicle(number)[0] for number in numbers]


def in_table(lake: Lake) -> list[str]:
    return [
        vin for path in lake.head(KEYS.table).files for vin in vins(lake, f"{KEYS.table}/{path}")
    ]


@pytest.fixture
def yesterday(stub: Stub, api: VinApi, lake: Lake) -> Lake:
    """A lake with a version; the service has one vehicle more since."""
    run(api, lake)
    stub.has([vehicle(1), vehicle(2), vehicle(3), vehicle(4)])
    return lake


def test_a_run_that_dies_at_any_call_is_mended(
    api: VinApi, yesterday: Lake, shaky: Lake, proxy: FaultyS3
) -> None:
    """Before each change in turn S3 stops to hear of it; readers see one of the two versions."""
    # The export, the table's file, its log, the copy.
    for nth, committed in enumerate([False, False, False, True], 1):
        proxy.clear()
        proxy.refuse_from(nth)
        with pytest.raises(LakeError, match=r"could not [^\n]+$"):
            run(api, shaky)
        assert in_table(yesterday) == (vins_of(1, 2, 3, 4) if committed else vins_of(1, 2, 3))
        assert vins(yesterday, KEYS.vehicles) == vins_of(1, 2, 3)
    proxy.clear()
    assert run(api, shaky)["state"] == "unchanged"
    assert vins(yesterday, KEYS.vehicles) == in_table(yesterday) == vins_of(1, 2, 3, 4)
    assert yesterday.head(KEYS.table).version == 2


@pytest.mark.parametrize("version", [0, 1])
def test_a_first_run_that_dies_is_mended(
    api: VinApi, lake: Lake, shaky: Lake, proxy: FaultyS3, version: int
) -> None:
    """Around the creation of the table and its first commit: nothing, and then all of it."""
    proxy.refuse_from(1, f"{LOG}{version:020}.json")
    with pytest.raises(LakeError):
        run(api, shaky)
    assert not lake.head(KEYS.table).receipt
    assert run(api, lake)["version"] == 1
    assert vins(lake, KEYS.vehicles) == vins_of(1, 2, 3)


@pytest.mark.parametrize("match", [f"{LOG}{2:020}.json", "COPY", "PUT"])
def test_a_lost_answer_is_no_second_commit(
    api: VinApi, yesterday: Lake, shaky: Lake, proxy: FaultyS3, match: str
) -> None:
    """S3 did it and its answer was lost: the run finds its own commit and goes on."""
    proxy.drop_reply(match)
    assert run(api, shaky)["version"] == 2
    assert yesterday.head(KEYS.table).version == 2
    assert vins(yesterday, KEYS.vehicles) == vins_of(1, 2, 3, 4)


def test_a_lost_race_is_compared_again(
    stub: Stub, api: VinApi, yesterday: Lake, shaky: Lake, proxy: FaultyS3
) -> None:
    """Another run commits in between: what is counted then is the difference to that one."""
    stub.date = "Sat, 21 Nov 2099 12:00:00 GMT"
    late = check(yesterday, fetch(api, yesterday, "late"))
    stub.has([vehicle(1), vehicle(2), vehicle(3), vehicle(5)])
    winner = check(yesterday, fetch(api, yesterday, "winner"))
    proxy.before(
        lambda: publish(yesterday, winner, dry_run=False), f"PUT /{shaky.bucket}/{KEYS.table}/{LOG}"
    )
    published = publish(shaky, late, dry_run=False)
    assert published["version"] == 3
    assert published["counts"] == {"before": 4, "added": 1, "removed": 1, "edited": 0}
    project(yesterday)
    assert vins(yesterday, KEYS.vehicles) == vins_of(1, 2, 3, 4)


def test_a_first_version_is_made_once(
    stub: Stub, api: VinApi, lake: Lake, shaky: Lake, proxy: FaultyS3
) -> None:
    """Two first runs: the slower one adds to what the other made, and loses nothing of it."""
    stub.date = "Sat, 21 Nov 2099 12:00:00 GMT"
    mine = check(lake, fetch(api, lake, "mine"))
    stub.has([vehicle(1), vehicle(2), vehicle(9)])
    other = check(lake, fetch(api, lake, "other"))
    proxy.before(lambda: publish(lake, other, dry_run=False), f"{LOG}{0:020}.json")
    published = publish(shaky, mine, dry_run=False)
    assert published["version"] == 2
    assert published["counts"] == {"before": 3, "added": 1, "removed": 1, "edited": 0}
    assert in_table(lake) == vins_of(1, 2, 3)


def test_many_at_once_commit_one_after_the_other(
    stub: Stub, api: VinApi, s3_url: str, s3: BaseClient, yesterday: Lake
) -> None:
    """Each of several exports becomes one version, and the plain file is the last one's."""
    assert s3
    exports = []
    for number in range(10, 14):
        stub.has([vehicle(1), vehicle(2), vehicle(3), vehicle(number)])
        exports.append(check(yesterday, fetch(api, yesterday, f"run {number}")))
    together = threading.Barrier(len(exports))

    def publisher(number: int) -> int | None:
        mine = Lake.connect(
            yesterday.bucket,
            endpoint_url=s3_url,
            region="us-east-1",
            access_key="test",
            secret_key="test",
        )
        together.wait()
        published = publish(mine, exports[number], dry_run=False)
        project(mine)
        return published["version"]

    with ThreadPoolExecutor(len(exports)) as pool:
        told = list(pool.map(publisher, range(len(exports))))
    versions = [version for version in told if version is not None]
    # One whose export was in the same second or before may find a later one there.
    assert sorted(versions) == list(range(2, 2 + len(versions)))
    assert versions
    assert yesterday.head(KEYS.table).version == 1 + len(versions)
    assert vins(yesterday, KEYS.vehicles) == in_table(yesterday)


def test_a_slower_projector_does_not_win(
    stub: Stub, api: VinApi, yesterday: Lake, shaky: Lake, proxy: FaultyS3
) -> None:
    """A version that is committed while an older one is projected is projected too."""
    publish(yesterday, check(yesterday, fetch(api, yesterday, "older")), dry_run=False)

    def commit_another() -> None:
        stub.has([vehicle(1), vehicle(2), vehicle(3), vehicle(5)])
        run(api, yesterday)

    proxy.before(commit_another, "COPY")
    assert project(shaky) == [KEYS.vehicles] * 2
    assert vins(yesterday, KEYS.vehicles) == vins_of(1, 2, 3, 5)
