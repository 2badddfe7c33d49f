"""The screen of a run, which says in its first line what came of it."""

from __future__ import annotations

import pytest

from include.first.lake import Lake
from include.vin_snapshots.fetch import KEYS, check, fetch
from include.vin_snapshots.publish import publish
from include.vin_snapshots.report import render
from include.vin_snapshots.run import run
from include.vin_snapshots.vin_api import VinApi
from tests.vin_snapshots.stub import Stub, vehicle


def test_a_version_is_shown_whole(stub: Stub, api: VinApi, lake: Lake) -> None:
    """Vehicles, what changed, source, token, file and checks, each on a line."""
    run(api, lake)
    stub.date = "Sat, 21 Nov 2099 12:00:00 GMT"
    stub.has([vehicle(1), vehicle(3, "Plum"), *(vehicle(number) for number in range(1000, 2000))])
    published = run(api, lake)
    assert render(lake, published).splitlines() == [
        "# VIN snapshots: version 2, 1,002 vehicles",
        "",
        f"- token: {published['token']}",
        "- source: vin_service, made-up:7 (this data is MADE UP), exported 2099-11-21T12:00:00Z",
        "- since the version before, which had 3 vehicles: 1,000 added, 1 removed, 1 changed",
        f"- file: s3://{lake.bucket}/{KEYS.vehicles}",
        "- checks: 7 of 7 passed",
    ]


def test_real_data_is_not_called_made_up(stub: Stub, api: VinApi, lake: Lake) -> None:
    """The source of real vehicles is `official`, and no more is said of it."""
    stub.has([vehicle(1)], source="official")
    screen = render(lake, run(api, lake))
    assert "version 1, 1 vehicle\n" in screen
    assert "vin_service, official, exported" in screen
    assert "MADE UP" not in screen


@pytest.mark.parametrize(
    ("numbers", "dry_run", "title"),
    [
        ([1, 2, 3], False, "unchanged, 3 vehicles; nothing was committed"),
        ([1, 2, 3], True, "unchanged, 3 vehicles; nothing was committed"),
        ([1, 2], True, "dry run, 2 vehicles; nothing was committed"),
    ],
    ids=["unchanged", "unchanged, dry", "dry"],
)
def test_a_run_that_commits_nothing_says_so(
    stub: Stub, api: VinApi, lake: Lake, numbers: list[int], dry_run: bool, title: str
) -> None:
    """And why."""
    run(api, lake)
    stub.has([vehicle(number) for number in numbers])
    screen = render(lake, run(api, lake, dry_run=dry_run))
    assert screen.startswith(f"# VIN snapshots: {title}\n")


def test_an_export_that_came_too_late_says_so(stub: Stub, api: VinApi, lake: Lake) -> None:
    """The table knows a later one."""
    older = check(lake, fetch(api, lake, "run 1"))
    stub.date = "Sat, 21 Nov 2099 12:00:00 GMT"
    run(api, lake)
    screen = render(lake, publish(lake, older, dry_run=False))
    assert screen.startswith("# VIN snapshots: the table has a later export; nothing was committed")


def test_an_accepted_check_is_shown_with_its_reason(stub: Stub, api: VinApi, lake: Lake) -> None:
    """On one line, whatever characters somebody typed."""
    run(api, lake)
    stub.has([])
    screen = render(lake, run(api, lake, accept={"vehicles": "anew,\x1b[31m today"}))
    assert "- checks: 6 of 7 passed\n" in screen
    assert "  - accepted: vehicles: 3 of 3 are gone; anew,\\x1b[31m today\n" in screen
