"""The screen: what was posted, what was left out, what is odd, and that data is made up."""

from __future__ import annotations

from fakes.made_up_outages import USUAL
from include.site_outages.report import render
from include.site_outages.run import run


def test_a_run_that_posted(api, lake) -> None:
    """The numbers add up on the screen, and it says where the file is."""
    screen = render(lake, run(api, lake, "kingfisher"))
    assert screen.startswith("# Outages of kingfisher: 3 outages posted\n\nMade-up data.\n")
    assert "+ 1 that began earlier + 0 listed twice + 0 set aside + 3 that count" in screen
    assert "- KrakenFlex: posted by this run, and accepted; payload " in screen
    assert "- table: version 1" in screen
    assert f"s3://{lake.bucket}/site_outages/kingfisher.parquet" in screen
    assert "- odd: nothing" in screen


def test_a_run_that_had_nothing_to_do(api, lake) -> None:
    """It says that it was accepted before, and that nothing was committed."""
    run(api, lake)
    screen = render(lake, run(api, lake))
    assert screen.startswith(
        f"# Outages of {USUAL}: 11 outages, accepted before; nothing was posted"
    )
    assert "delivery 1 was accepted with the same payload" in screen
    assert "unchanged, nothing was committed" in screen


def test_a_dry_run(api, lake) -> None:
    """It says what would happen."""
    screen = render(lake, run(api, lake, dry_run=True))
    assert "dry run, 11 outages; nothing was posted, nothing was published" in screen
    assert "it would be posted" in screen
    assert "- table: would change" in screen


def test_oddities_are_on_the_screen(api, lake, replica, caplog) -> None:
    """Each in one line with its rule, as in the log of the task that found it."""
    replica.krakenflex.dials.odd_sites = True
    screen = render(lake, run(api, lake, "malformed-timestamps"))
    assert "- odd: 4\n" in screen
    assert '  - malformed begin: id "' in screen
    assert "it is set aside" not in screen
    assert "the outage is set aside: nobody can tell whether it counts" in screen
    assert caplog.text.count("malformed begin") == 3
    assert caplog.text.count("malformed end") == 1
