"""The news of a version: what it says of each kind of change, in which order, and when nothing."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import pytest

from include.first.lake import Lake
from include.vehicle_recalls import publish as publishing
from include.vehicle_recalls.bulletin import WARNING_LINES, bulletin, headline, subject
from include.vehicle_recalls.commands import changes
from include.vehicle_recalls.contract import CONTRACT
from include.vehicle_recalls.ledger import bring_to_head
from include.vehicle_recalls.news import Campaign, Move, News, Rates, news_of
from include.vehicle_recalls.publish import Published
from include.vehicle_recalls.report import notice, project_reports, render
from tests.vehicle_recalls.evidence import KEYS, Row, a_read, a_row, land_rows, publish_landed

SCREEN = 60
VERSION = 7
COMMAND = "python -m include.vehicle_recalls changes --version "
FORD, DAF = "Ford Motor Company", "DAF"


def a_quiet_row(number: int, **changes: Any) -> Row:
    """A recall without any warning."""
    return a_row(number, **{"do_not_drive": "No"} | changes)


def day(lake: Lake, number: int, *rows: Row, years: tuple[int, ...] = ()) -> Published:
    """What the source says on a day, published."""
    landed = land_rows(
        lake, list(rows), read=a_read(lake, years), refreshed=f"2026-06-{number:02}T09:30:43Z"
    )
    return publish_landed(lake, landed)


def news(lake: Lake, before: list[Row], after: list[Row]) -> News:
    """Of the second of two days."""
    day(lake, 1, *before)
    published = day(lake, 2, *after)
    bring_to_head(lake)
    assert published["version"]
    return news_of(lake, published["version"])


def ids(campaigns: list[Campaign]) -> list[str]:
    return [campaign.nhtsa_id for campaign in campaigns]


def told_of(news: News, *, whole: bool = False) -> list[str]:
    return bulletin(news, VERSION, whole=whole)


@pytest.mark.parametrize("flag", ["do_not_drive", "fire_risk_when_parked"])
def test_warnings_that_are_given(lake: Lake, flag: str) -> None:
    """A recall is warned of when its flag became yes, from no or from nothing, or came with it."""
    before = [a_quiet_row(1), a_quiet_row(2, **{flag: None}), a_quiet_row(3, **{flag: "Yes"})]
    after = [a_quiet_row(n, **{flag: "Yes"}) for n in (1, 2, 3, 4)]
    told = news(lake, before, after)
    assert sorted(ids(told.warned[flag])) == ["19V000001", "19V000002", "19V000004"]
    assert [one.note for one in told.warned[flag] if one.nhtsa_id == "19V000004"] == ["new"]
    assert ids(told.published) == ["19V000004"]
    assert not told.edits
    (other,) = told.warned.keys() - {flag}
    assert told.warned[other] == []


def test_warnings_that_are_lifted(lake: Lake) -> None:
    """From yes to no or to nothing is news of its own; from no to nothing is another edit."""
    before = [a_row(1), a_row(2), a_quiet_row(3)]
    after = [a_row(1, do_not_drive="No"), a_row(2, do_not_drive=None), a_row(3, do_not_drive=None)]
    told = news(lake, before, after)
    assert sorted(ids(told.lifted)) == ["19V000001", "19V000002"]
    assert {one.note for one in told.lifted} == {"no longer: do not drive"}
    assert told.edits == {"do_not_drive": 1}


def test_recalls_that_go_and_come_back(lake: Lake) -> None:
    """What went is told as it was, with its warnings; what returns is not called new."""
    day(lake, 1, a_row(1, manufacturer=DAF), a_quiet_row(2))
    day(lake, 2, a_quiet_row(2))
    day(lake, 3, a_row(1, manufacturer=DAF), a_quiet_row(2), a_quiet_row(3))
    bring_to_head(lake)
    gone, back = news_of(lake, 2), news_of(lake, 3)
    assert gone.retracted == [
        Campaign("19V000001", DAF, "Brake hose may crack", 100, "was: do not drive")
    ]
    assert ids(back.republished) == ["19V000001"]
    assert ids(back.published) == ["19V000003"]
    assert [one.note for one in back.warned["do_not_drive"]] == ["returned"]


def test_completion_rates(lake: Lake) -> None:
    """Up, down, first told and no longer told are counted; the biggest moves are shown."""
    rates = ["10", "20", "30", "40", "50", None]
    moved = ["11", "60", "20", "41", None, "5"]
    found = news(
        lake,
        [a_quiet_row(n, completion_rate=rate) for n, rate in enumerate(rates)],
        [a_quiet_row(n, completion_rate=rate) for n, rate in enumerate(moved)],
    )
    told = found.rates
    assert found.edits == {}
    assert (told.up, told.down, told.first, told.gone) == (3, 1, 1, 1)
    assert [(m.campaign.nhtsa_id[-1], m.old, m.new) for m in told.biggest] == [
        *(("1", 20.0, 60.0), ("2", 30.0, 20.0), ("0", 10.0, 11.0))
    ]


def test_the_rest_is_counted_by_field(lake: Lake) -> None:
    """A recall that moved to another year is an edit of its date, named from the year it is in."""
    before = [a_quiet_row(1), a_quiet_row(2), a_quiet_row(3)]
    after = [
        a_quiet_row(1, subject="New", component=None),
        a_quiet_row(2, subject="New too"),
        a_row(3, report_received_date="2020-01-02T00:00:00.000", manufacturer=DAF),
    ]
    told = news(lake, before, after)
    assert told.edits == {
        "subject": 2,
        "component": 1,
        "report_received_date": 1,
        "manufacturer": 1,
    }
    assert told.warned["do_not_drive"] == [Campaign("19V000003", DAF, "Brake hose may crack", 100)]


def test_before_and_at_the_baseline_there_is_no_news(lake: Lake) -> None:
    """What comes in before or with the first full read is new to us only; a line says so."""
    day(lake, 1, a_row(1), years=(2019,))
    published = day(lake, 2, a_row(1), a_row(2))
    bring_to_head(lake)
    assert "there is no baseline" in news_of(lake, 1).silence
    assert "is the baseline" in news_of(lake, 2).silence
    assert notice(lake, published) is None
    assert told_of(news_of(lake, 2)) == [news_of(lake, 2).silence]


def test_a_change_of_our_own_contract_is_no_news(lake: Lake, monkeypatch) -> None:
    """A version under another contract is a new baseline, and is told as that."""
    day(lake, 1, a_row(1))
    monkeypatch.setattr(publishing, "CONTRACT", replace(CONTRACT, version="another"))
    published = day(lake, 2, a_row(1), a_row(2))
    bring_to_head(lake)
    assert published["rebaseline"]
    assert "our own contract changed" in news_of(lake, 2).silence
    assert notice(lake, published) is None


def test_a_report_waits_for_the_ledger(lake: Lake) -> None:
    """Until the ledger tells of a version its report says so; then it is written again, once."""
    day(lake, 1, a_row(1))
    bring_to_head(lake)
    published = day(lake, 2, a_row(1), a_row(2))
    assert project_reports(lake)
    assert "The ledger does not tell of this version yet" in lake.get(KEYS.report(2)).decode()
    assert notice(lake, published) is None

    bring_to_head(lake)
    assert project_reports(lake) == [KEYS.report(2)]
    assert lake.get(KEYS.report(2)).decode() == render(lake, published)
    assert "## New recalls: 1\n" in lake.get(KEYS.report(2)).decode()
    assert project_reports(lake) == []


def test_reports_of_versions_before_get_their_news_too(lake: Lake) -> None:
    """Two versions that the ledger came late for are both told, whatever lies between."""
    day(lake, 1, a_row(1))
    for number in (2, 3):
        day(lake, number, *(a_row(n) for n in range(1, number + 1)))
        project_reports(lake)
    bring_to_head(lake)
    project_reports(lake)
    for version, key in ((2, "19V000002"), (3, "19V000003")):
        assert f"{key} Brake hose" in lake.get(KEYS.report(version)).decode()


def test_a_notice_is_of_a_version_with_news(lake: Lake) -> None:
    """What a run committed and the ledger tells of is sent, and nothing else."""
    day(lake, 1, a_row(1))
    published = day(lake, 2, a_row(1), a_row(2))
    unchanged = day(lake, 3, a_row(1), a_row(2))
    bring_to_head(lake)
    told = notice(lake, published)
    assert told
    assert told.headline == "Vehicle recalls (made-up data): 1 now do not drive, 1 new"
    assert "19V000002 Brake hose may crack; 100 affected; new" in told.text
    assert f"s3://{lake.bucket}/{KEYS.report(2)}" in told.text
    assert notice(lake, unchanged) is None
    assert notice(lake, Published(**published | {"dry_run": True})) is None


def campaigns(count: int, maker: str = FORD, affected: int = 1) -> list[Campaign]:
    return [Campaign(f"{maker[0]}{n:04}", maker, "Hose", affected) for n in range(count)]


def some_news(**given: Any) -> News:
    return News(**{"warned": {"do_not_drive": [], "fire_risk_when_parked": []}} | given)


def test_the_loudest_comes_first() -> None:
    """Sections and headline are in the order of what a safety person asks first."""
    one = campaigns(1)
    told = some_news(
        warned={"do_not_drive": one, "fire_risk_when_parked": one},
        lifted=one,
        published=one,
        republished=one,
        retracted=one,
        rates=Rates(up=1, biggest=[Move(one[0], 1.0, 2.5)]),
        edits={"subject": 2},
    )
    lines = told_of(told)
    assert lines[0] == headline(told)
    assert headline(told) == (
        "1 now do not drive, 1 now park outside, 1 warning lifted, 1 new, 1 returned, 1 retracted,"
        " 1 completion rate moved, 2 other edits"
    )
    assert [line.split(":")[0] for line in lines[1:] if line.startswith(("## ", "Also"))] == [
        *("## Do not drive", "## Park outside", "## Warnings lifted", "## New recalls"),
        *("## Returned", "## Retracted", "## Completion rates", "Also edited"),
    ]
    assert "- Ford Motor Company: F0000 Hose; from 1 to 2.5 %" in lines


def test_manufacturers_stay_together() -> None:
    """Who has the most vehicles affected by all of its recalls comes first, its largest first."""
    told = told_of(
        some_news(published=[*campaigns(1, DAF, 30), *campaigns(2, FORD, 20), *campaigns(1, "A")])
    )
    assert [line.split(" Hose")[0] for line in told if line.startswith("- ")] == [
        *("- Ford Motor Company: F0000", "- Ford Motor Company: F0001", "- DAF: D0000"),
        "- A: A0000",
    ]


def test_what_has_no_line_is_counted() -> None:
    """A long section ends with how many more there are, and of how many manufacturers.

    The last line of all says how to ask for them, wherever it is read.
    """
    many = [*campaigns(30, FORD, 5), *campaigns(3, DAF), *campaigns(2, "A")]
    for whole in (False, True):
        told = told_of(some_news(published=many), whole=whole)
        lines = [line for line in told if line.startswith("- ")]
        assert len(lines) == 5
        assert lines[-1] == "- and 31 more of 3 manufacturers"
        assert told[-1] == f"All of it: `{COMMAND}{VERSION}`"


def test_the_command_that_is_named_is_one() -> None:
    """It is taken as it stands in the report, with the version's own number."""
    news = some_news(published=campaigns(30))
    asked = told_of(news)[-1].partition("`")[2].rstrip("`").split()
    assert asked[:3] == ["python", "-m", "include.vehicle_recalls"]
    known = argparse.ArgumentParser()
    changes.add_arguments(known.add_subparsers(dest="command").add_parser("changes"))
    assert known.parse_args(asked[3:]).version == [VERSION]


@pytest.mark.parametrize("flag", ["do_not_drive", "fire_risk_when_parked"])
def test_no_warning_is_missing_where_it_is_kept(flag: str) -> None:
    """A screen counts what has no line; the file and the mail have a line for each."""
    many = campaigns(WARNING_LINES)
    news = some_news(warned={"do_not_drive": [], "fire_risk_when_parked": [], flag: many})
    whole = told_of(news, whole=True)
    assert [line for line in whole if line.startswith("- ")] == [
        f"- Ford Motor Company: {one.nhtsa_id} Hose; 1 affected" for one in many
    ]
    assert not [line for line in whole if line.startswith("All of it: ")]
    screen = told_of(news)
    assert [line for line in screen if line.startswith("- and ")]
    assert screen[-1].startswith("All of it: ")


def test_more_warnings_than_anybody_gives_at_once() -> None:
    """Those without a line of their own are still named."""
    many = campaigns(WARNING_LINES + 3)
    news = some_news(warned={"do_not_drive": many, "fire_risk_when_parked": []})
    lines = [line for line in told_of(news, whole=True) if line.startswith("- ")]
    assert len(lines) == WARNING_LINES
    left = ", ".join(one.nhtsa_id for one in many[WARNING_LINES - 1 :])
    assert lines[-1] == f"- and 4 more of 1 manufacturer: {left}"


def test_moves_that_are_not_shown_are_counted() -> None:
    """Of rates the biggest moves are shown; those first told or no longer told are left too."""
    biggest = [Move(one, 1.0, 2.0) for one in campaigns(3)]
    told = told_of(some_news(rates=Rates(up=5, first=4, gone=1, biggest=biggest)))
    at = told.index("## Completion rates: 5 up, 4 told for the first time, 1 no longer told")
    assert told[at + 4 :] == ["- and 7 more", "", f"All of it: `{COMMAND}{VERSION}`"]
    assert told_of(some_news(rates=Rates(up=3, biggest=biggest)))[-1].endswith("from 1 to 2 %")


def test_a_subject_that_is_cut_says_so() -> None:
    """It never looks as if the parts without room were no news; what fits is not touched."""
    one = campaigns(1)
    news = some_news(published=one, republished=one, retracted=one)
    assert subject("V", news) == "V: 1 new, 1 returned, 1 retracted"
    # 99 characters with all three, then one more than there is room for.
    assert subject("V" * 67, news).endswith(": 1 new, 1 returned, 1 retracted")
    assert subject("V" * 68, news).endswith(": 1 new, 1 returned, more")
    assert subject("V" * 74, news).endswith(": 1 new, 1 returned, more")
    assert subject("V" * 75, news).endswith(": 1 new, more")
    for length in (67, 68, 74, 75):
        assert len(subject("V" * length, news)) < 100


@pytest.mark.parametrize("count", [1, 5])
def test_what_has_room_is_shown(count: int) -> None:
    """A section that fits counts nothing as left out."""
    lines = told_of(some_news(published=campaigns(count)))
    assert len([line for line in lines if "; 1 affected" in line]) == count
    assert not [line for line in lines if "more of" in line]


def test_the_text_of_the_source_stays_in_its_line() -> None:
    """Control characters are spelled out, long subjects cut, and nothing known is told as that."""
    wild = Campaign("19V\x1b1", None, "Br\nake " + "x" * 100, None)
    (line,) = [line for line in told_of(some_news(published=[wild])) if line.startswith("- ")]
    assert line.startswith("- (none): 19V\\x1b1 Br\\x0aake xxx")
    assert line.endswith("xxx...; nobody says how many are affected")


def test_the_loudest_day_fits_the_screen(lake: Lake, monkeypatch) -> None:
    """With more of everything than there is room for, the whole report has sixty lines at most."""
    day(lake, 1, a_row(1))
    published = day(lake, 2, a_row(1), a_row(2))
    bring_to_head(lake)
    many = campaigns(1_000)
    loud = some_news(
        warned={"do_not_drive": many, "fire_risk_when_parked": many},
        lifted=many,
        published=many,
        republished=many,
        retracted=many,
        rates=Rates(up=9, biggest=[Move(many[0], 1.0, 2.0)] * 3),
        edits=dict.fromkeys(CONTRACT.business_columns, 7),
    )
    monkeypatch.setattr("include.vehicle_recalls.report.news_of", lambda *_: loud)
    project_reports(lake)
    kept = lake.get(KEYS.report(2)).decode()
    assert all(one.nhtsa_id in kept for one in many)
    assert len(render(lake, published).splitlines()) <= SCREEN
    told = notice(lake, published)
    assert told
    # What Amazon SNS takes for a subject.
    assert told.headline.isascii()
    assert len(told.headline) < 100
    assert told.headline == (
        "Vehicle recalls (made-up data): 1,000 now do not drive, 1,000 now park outside, more"
    )
    for one in many:
        assert one.nhtsa_id in told.text
