"""The news of a version: each kind of change, its order, and versions without news."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.client import BaseClient

from include.data.contract import Dataset
from include.lake.ledger import receipt_at
from include.lake.store import Store
from include.lake.table import load_version
from include.vehicle_recalls import report as reporting
from include.vehicle_recalls.contract import RECALLS
from include.vehicle_recalls.news import News, RateChange, Rates, Recall, news_of
from include.vehicle_recalls.news_text import MAX_WARNING_LINES, news_headline
from include.vehicle_recalls.report import notice, report, write_reports
from tests.conftest import new_store
from tests.pipelines.vehicle_recalls.recalls import (
    DAF,
    FORD,
    KEYS,
    Row,
    publish,
    recall,
)

SCREEN_LINES = 60


def news(store: Store, before: list[Row], after: list[Row]) -> News:
    """The news of the second of two days."""
    publish(store, *before, day=1)
    return news_of(store, publish(store, *after, day=2))


def ids(recalls: list[Recall]) -> list[str]:
    return sorted(each.nhtsa_id for each in recalls)


def test_new_warning_is_news(store: Store) -> None:
    """A flag changes from no or null to yes, or a new recall has it."""
    flags = {"do_not_drive": 0, "fire_risk_when_parked": 10}
    before, after = [], []
    for flag, n in flags.items():
        before += [recall(n + 1), recall(n + 2, **{flag: None}), recall(n + 3, **{flag: "Yes"})]
        after += [recall(n + each, **{flag: "Yes"}) for each in (1, 2, 3, 4)]
    found = news(store, before, after)
    for flag, n in flags.items():
        warned = found.warned[flag]
        assert ids(warned) == [f"19V{n + each:06}" for each in (1, 2, 4)]
        assert [r.note for r in warned if r.nhtsa_id == f"19V{n + 4:06}"] == ["new"]
    assert ids(found.published) == ["19V000004", "19V000014"]
    assert not found.edits


def test_lifted_warning_is_news(store: Store) -> None:
    """A flag changes from yes to no or null; from no to null is an ordinary edit."""
    before = [recall(1, do_not_drive="Yes"), recall(2, do_not_drive="Yes"), recall(3)]
    after = [recall(1), recall(2, do_not_drive=None), recall(3, do_not_drive=None)]
    found = news(store, before, after)
    assert ids(found.lifted) == ["19V000001", "19V000002"]
    assert {each.note for each in found.lifted} == {"no longer: do not drive"}
    assert found.edits == {"do_not_drive": 1}


def test_news_names_retracted_and_returned_recalls(store: Store) -> None:
    warned = recall(1, manufacturer=DAF, do_not_drive="Yes")
    publish(store, warned, recall(2), day=1)
    second = news_of(store, publish(store, recall(2), day=2))
    third = news_of(store, publish(store, warned, recall(2), recall(3), day=3))
    assert second.retracted == [
        Recall("19V000001", DAF, "Brake hose may crack", 100, "was: do not drive")
    ]
    assert ids(third.republished) == ["19V000001"]
    assert ids(third.published) == ["19V000003"]
    assert [each.note for each in third.warned["do_not_drive"]] == ["returned"]


def test_news_counts_completion_rates_and_shows_the_biggest_changes(store: Store) -> None:
    before = ["10", "20", "30", "40", "50", None]
    after = ["11", "60", "20", "41", None, "5"]
    found = news(
        store,
        [recall(n, completion_rate=rate) for n, rate in enumerate(before)],
        [recall(n, completion_rate=rate) for n, rate in enumerate(after)],
    )
    rates = found.rates
    assert found.edits == {}
    assert (rates.up, rates.down, rates.first, rates.removed) == (3, 1, 1, 1)
    assert [(each.recall.nhtsa_id[-1], each.old, each.new) for each in rates.biggest] == [
        *(("1", 20.0, 60.0), ("2", 30.0, 20.0), ("0", 10.0, 11.0))
    ]


def test_news_counts_other_edits_by_field(store: Store) -> None:
    """A move to another year is an edit of the date."""
    after = [
        recall(1, subject="New", component=None),
        recall(2, subject="New too"),
        recall(3, report_received_date="2020-01-02T00:00:00.000", do_not_drive="Yes"),
    ]
    found = news(store, [recall(1), recall(2), recall(3)], after)
    assert found.edits == {"subject": 2, "component": 1, "report_received_date": 1}
    assert ids(found.warned["do_not_drive"]) == ["19V000003"]
    assert found.warned["do_not_drive"][0].manufacturer == FORD


def test_baseline_and_earlier_versions_have_no_news(store: Store) -> None:
    partial = publish(store, recall(1), day=1, years=(2019,))
    first = publish(store, recall(1), recall(2), day=2)
    assert "there is no baseline" in news_of(store, partial).silence
    assert "is the baseline" in news_of(store, first).silence
    assert notice(store, partial) is None
    assert notice(store, first) is None


def test_new_contract_has_no_news(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(store, recall(1), day=1)
    other: Dataset = replace(RECALLS, version="2")
    monkeypatch.setattr("include.vehicle_recalls.pipeline.RECALLS", other)
    receipt = publish(store, recall(1), recall(2), day=2)
    assert (receipt["contract"], receipt["baseline"]) == ("2", receipt["version"])
    assert "is the baseline" in news_of(store, receipt).silence


def test_reports_missed_by_an_interrupted_run_are_written_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in (1, 2):
        publish(store, *(recall(n) for n in range(day)), day=day)
    replace = Store.replace

    def crash_after_one(self: Store, key: str, body: bytes) -> str:
        monkeypatch.setattr(Store, "replace", lambda *_: pytest.fail("killed"))
        return replace(self, key, body)

    monkeypatch.setattr(Store, "replace", crash_after_one)
    with pytest.raises(pytest.fail.Exception, match="killed"):
        write_reports(store)
    monkeypatch.setattr(Store, "replace", replace)
    publish(store, *(recall(n) for n in range(3)), day=3)
    assert write_reports(store) == [KEYS.report(n) for n in (2, 3)]
    assert "19V000001 Brake hose" in store.get(KEYS.report(2)).decode()
    assert "19V000002 Brake hose" in store.get(KEYS.report(3)).decode()
    assert write_reports(store) == []


def test_only_a_version_with_news_has_a_notice(store: Store) -> None:
    publish(store, recall(1), day=1)
    receipt = publish(store, recall(1), recall(2, do_not_drive="Yes"), day=2)
    unchanged = publish(store, recall(1), recall(2, do_not_drive="Yes"), day=3)
    dry = publish(store, recall(1), day=4, dry_run=True)
    sent = notice(store, receipt)
    assert sent
    assert sent.headline == "Vehicle recalls (made-up data): 1 now do not drive, 1 new"
    assert "19V000002 Brake hose may crack; 100 affected; new" in sent.text
    assert f"s3://{store.bucket}/{KEYS.report(2)}" in sent.text
    assert notice(store, unchanged) is None
    assert notice(store, dry) is None


@pytest.fixture(scope="module")
def two_days(s3: BaseClient, s3_url: str) -> Store:
    """Two versions, which tests must not change."""
    store = new_store(s3, s3_url)
    publish(store, recall(1), day=1)
    publish(store, recall(1), recall(2), day=2)
    return store


@pytest.fixture
def report_lines(two_days: Store, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Returns the report of a version with the given news."""
    current = load_version(two_days, KEYS.table)
    receipt = dict(receipt_at(two_days, current, 2)) | {"version": 2, "outcome": "published"}

    def lines(*, is_screen: bool = True, **news: Any) -> list[str]:
        given = News(**{"warned": {"do_not_drive": [], "fire_risk_when_parked": []}} | news)
        monkeypatch.setattr(reporting, "news_of", lambda *_: given)
        return report(two_days, receipt, is_screen=is_screen).splitlines()

    return lines


def recalls(number: int, maker: str = FORD, affected: int = 1) -> list[Recall]:
    return [Recall(f"{maker[0]}{n:04}", maker, "Hose", affected) for n in range(number)]


def test_report_shows_the_most_urgent_changes_first(report_lines: Any) -> None:
    one = recalls(1)
    news = {
        "warned": {"do_not_drive": one, "fire_risk_when_parked": one},
        "lifted": one,
        "published": one,
        "republished": one,
        "retracted": one,
        "rates": Rates(up=1, biggest=[RateChange(one[0], 1.0, 2.5)]),
        "edits": {"subject": 2},
    }
    lines = report_lines(**news)
    headline = (
        "1 now do not drive, 1 now park outside, 1 warning lifted, 1 new, 1 returned, 1 retracted,"
        " 1 completion rate changed, 2 other edits"
    )
    assert headline in lines
    assert news_headline(News(**news)) == headline
    heads = [line.split(":")[0] for line in lines if line.startswith(("## ", "Also"))]
    assert heads == [
        *("## Do not drive", "## Park outside", "## Warnings lifted", "## New recalls"),
        *("## Returned", "## Retracted", "## Completion rates", "Also edited", "## The run"),
    ]
    assert "- Ford Motor Company: F0000 Hose; from 1% to 2.5%" in lines


def test_report_groups_recalls_by_manufacturer(report_lines: Any) -> None:
    """The manufacturer with the most affected vehicles comes first."""
    lines = report_lines(republished=[], published=[*recalls(1, DAF, 30), *recalls(2, FORD, 20)])
    assert [line.split(" Hose")[0] for line in lines if " Hose" in line] == [
        *("- Ford Motor Company: F0000", "- Ford Motor Company: F0001", "- DAF: D0000"),
    ]


def test_long_section_counts_hidden_recalls(report_lines: Any) -> None:
    for is_screen in (True, False):
        lines = report_lines(published=recalls(35), is_screen=is_screen)
        shown = [line for line in lines if " Hose" in line]
        assert len(shown) == 2
        assert "- and 33 more" in lines


@pytest.mark.parametrize("flag", ["do_not_drive", "fire_risk_when_parked"])
def test_report_file_names_every_warning(report_lines: Any, flag: str) -> None:
    many = recalls(MAX_WARNING_LINES + 3)
    warned = {"do_not_drive": [], "fire_risk_when_parked": [], flag: many}
    lines = report_lines(warned=warned, is_screen=False)
    assert len([line for line in lines if " Hose" in line]) == MAX_WARNING_LINES - 1
    left = ", ".join(each.nhtsa_id for each in many[MAX_WARNING_LINES - 1 :])
    assert f"- and 4 more: {left}" in lines


def test_source_text_stays_on_one_line(report_lines: Any) -> None:
    """Control characters are escaped, long subjects cut, unknown values named."""
    wild = Recall("19V\x1b1", None, "Br\nake " + "x" * 100, None)
    (line,) = [line for line in report_lines(published=[wild]) if "19V" in line and "xxx" in line]
    assert line.startswith("- (none): 19V\\x1b1 Br\\x0aake xxx")
    assert line.endswith("xxx...; number affected unknown")


def test_busiest_day_fits_one_screen_and_one_subject(two_days: Store, report_lines: Any) -> None:
    many = recalls(1_000)
    news = {
        "warned": {"do_not_drive": many, "fire_risk_when_parked": many},
        "lifted": many,
        "published": many,
        "republished": many,
        "retracted": many,
        "rates": Rates(up=9, biggest=[RateChange(many[0], 1.0, 2.0)] * 3),
        "edits": dict.fromkeys(RECALLS.business_columns, 7),
    }
    assert len(report_lines(**news)) <= SCREEN_LINES
    complete = "\n".join(report_lines(**news, is_screen=False))
    assert all(each.nhtsa_id in complete for each in many)
    current = load_version(two_days, KEYS.table)
    sent = notice(two_days, {**current.receipt, "version": 2, "outcome": "published"})
    assert sent
    # Amazon SNS accepts only such subjects.
    assert sent.headline.isascii()
    assert len(sent.headline) < 100
    assert sent.headline == (
        "Vehicle recalls (made-up data): 1,000 now do not drive, 1,000 now park outside, more"
    )


def test_report_of_partial_read_counts_rows_not_read(store: Store) -> None:
    in_2020 = [recall(n, report_received_date="2020-05-01T00:00:00.000") for n in (3, 4, 5)]
    publish(store, *in_2020, recall(1), recall(2), day=1)
    for day, subject, edited in ((2, recall(1)["subject"], 0), (3, "New", 1)):
        partial = publish(store, recall(1, subject=subject), recall(2), day=day, years=[2019])
        expected = f"2 read; 0 published, {edited} edited, {2 - edited} unchanged, 3 not read"
        assert f"- rows: {expected}\n" in report(store, partial)
    full = publish(store, *in_2020, recall(1), recall(2, subject="Other"), day=4)
    assert "not read" not in report(store, full)
