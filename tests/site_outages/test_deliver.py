"""At least once: what is recorded of a post, when it is made again, and when it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakes.made_up_outages import USUAL
from include.first.lake import LakeError
from include.first.rest import AuthError, BadRequest, SourceUnavailable
from include.site_outages.deliver import deliver, newest_delivery
from include.site_outages.krakenflex import Krakenflex
from include.site_outages.publish import publish
from include.site_outages.read import KEYS, OtherSource, begin, land_outages, land_site, stage
from include.site_outages.run import SINCE, run

FIRST = ["00000001-accepted.json", "00000001-pending.json"]


@pytest.fixture
def staged(api, lake):
    """Makes a read of a site, put together and not yet posted."""

    def make(site_id: str = "kingfisher", since: str = SINCE) -> Any:
        read = begin(lake, site_id, since, "run 1")
        return stage(lake, read, land_outages(api, lake, read), land_site(api, lake, read))

    return make


@pytest.fixture
def post(api, lake):
    def post(staged: Any, *, dry_run: bool = False, force: bool = False, via: Any = None) -> Any:
        return deliver(lambda: via or api, lake, staged, dry_run=dry_run, force=force)

    return post


class Dying:
    """The API, for a worker that dies after what it posted has arrived."""

    def __init__(self, api: Krakenflex) -> None:
        self.api = api

    def post(self, site_id: str, payload: bytes) -> None:
        self.api.post(site_id, payload)
        raise KeyboardInterrupt


def no_api() -> Krakenflex:
    raise AssertionError("the API is not to be asked")


def test_a_post_is_recorded_before_and_after(staged, post, lake, records) -> None:
    """`pending` and `accepted` say which site, which payload, which read and whose data."""
    made = staged()
    delivered = post(made)
    assert (delivered["posted"], delivered["number"]) == (True, 1)
    assert records("kingfisher") == FIRST
    pending, accepted = (
        json.loads(lake.get(KEYS.delivery("kingfisher", 1, step)))
        for step in ("pending", "accepted")
    )
    assert pending == {
        "site_id": "kingfisher",
        "sha256": made["sha256"],
        "token": made["read"]["token"],
        "source": {"dataset": "krakenflex", "publisher": "made-up:7"},
    }
    assert accepted.pop("answered_at").endswith("Z")
    assert accepted == pending


def test_pending_is_there_while_it_is_posted(staged, lake, records) -> None:
    """The record comes first: whatever happens to the post, it is known that there was one."""
    seen = []

    class Looking:
        def post(self, site_id: str, _: bytes) -> None:
            seen.extend(records(site_id))

    deliver(Looking, lake, staged(), dry_run=False, force=False)
    assert seen == ["00000001-pending.json"]


def test_what_was_accepted_is_not_posted_again(staged, post, lake, accepted, records) -> None:
    """A later run with the same payload says so, and does not even open the API."""
    post(staged())
    again = deliver(no_api, lake, staged(), dry_run=False, force=False)
    assert not again["posted"]
    assert again["why"] == "delivery 1 was accepted with the same payload"
    assert len(accepted("kingfisher")) == 1
    assert records("kingfisher") == FIRST


def test_force_posts_it_again(staged, post, accepted, records) -> None:
    """Once: the same task, tried again after its post, does not do it a third time."""
    post(staged())
    made = staged()
    assert post(made, force=True)["number"] == 2
    assert len(accepted("kingfisher")) == 2
    retried = post(made, force=True)
    assert (retried["number"], retried["posted"]) == (2, True)
    assert len(accepted("kingfisher")) == 2
    assert len(records("kingfisher")) == 4


def test_a_changed_payload_is_posted(staged, post, replica, accepted) -> None:
    """Another day has another payload."""
    post(staged(USUAL))
    replica.day = 2
    assert post(staged(USUAL))["number"] == 2
    assert len(accepted(USUAL)) == 2
    assert accepted(USUAL)[0] != accepted(USUAL)[1]


def test_a_payload_that_comes_back_is_posted_again(staged, post, replica, accepted) -> None:
    """What counts is what KrakenFlex accepted last, not whether it ever did."""
    post(staged(USUAL))
    replica.day = 2
    post(staged(USUAL))
    replica.day = 1
    assert post(staged(USUAL))["number"] == 3
    assert accepted(USUAL)[0] == accepted(USUAL)[2]


def test_sites_have_records_of_their_own(staged, post, accepted) -> None:
    """The same payload, here an empty one, is posted for each."""
    assert post(staged("no-outages"))["number"] == 1
    assert post(staged("no-devices"))["number"] == 1
    assert accepted("no-outages") == accepted("no-devices") == [[]]


def test_a_crash_between_post_and_record_posts_again(
    staged, post, api, accepted, records, caplog
) -> None:
    """The next run posts the identical payload, and says why."""
    with pytest.raises(KeyboardInterrupt):
        post(staged(), via=Dying(api))
    assert records("kingfisher") == ["00000001-pending.json"]
    assert post(staged())["number"] == 2
    first, second = accepted("kingfisher")
    assert first == second
    assert "delivery 1 of read " in caplog.text
    assert "may have arrived or not; posting again" in caplog.text
    assert not post(staged())["posted"]


def test_a_task_that_is_tried_again_goes_on_with_its_own_record(staged, post, api, records) -> None:
    """One delivery, whose `accepted` comes with the second try."""
    made = staged()
    with pytest.raises(KeyboardInterrupt):
        post(made, via=Dying(api))
    assert post(made)["number"] == 1
    assert records("kingfisher") == FIRST


def test_after_a_crash_what_was_accepted_before_it_is_posted_again(
    staged, post, api, replica, accepted
) -> None:
    """The post between may have arrived: what KrakenFlex has is not known, so it is told."""
    post(staged(USUAL))
    replica.day = 2
    with pytest.raises(KeyboardInterrupt):
        post(staged(USUAL), via=Dying(api))
    replica.day = 1
    assert post(staged(USUAL))["posted"]
    assert accepted(USUAL)[0] == accepted(USUAL)[2]


@pytest.mark.parametrize("kind", ["500", "cut", "html", "429"])
def test_a_post_is_repeated(staged, post, replica, accepted, kind) -> None:
    """After an error, or an answer that got lost, the same bytes are posted again."""
    replica.fault(kind, times=2, only="/site-outages/")
    assert post(staged())["posted"]
    assert len({json.dumps(payload) for payload in accepted("kingfisher")}) == 1


def test_a_post_that_fails_publishes_nothing_and_is_mended(
    staged, post, replica, lake, records
) -> None:
    """After its tries it stays pending; the next run does it."""
    made = staged()
    replica.fault("500", times=None, only="/site-outages/")
    with pytest.raises(SourceUnavailable):
        post(made)
    assert records("kingfisher") == ["00000001-pending.json"]
    assert lake.head(KEYS.table).version == -1
    replica.faults.clear()
    assert post(staged())["number"] == 2


def test_a_payload_that_is_refused_is_not_accepted(api, staged, post, replica, records) -> None:
    """Data that changed between read and post: an error, and a new run that reads anew is right."""
    made = staged(USUAL)
    replica.day = 2
    api.outages()  # the site of day 2 is right from now on
    with pytest.raises(BadRequest, match="Start a new run"):
        post(made)
    assert records(USUAL) == ["00000001-pending.json"]
    assert post(staged(USUAL))["number"] == 2


def test_a_wrong_key_leaves_it_pending(recalls_url, staged, post, records) -> None:
    """Nothing is accepted, nothing is lost."""
    with pytest.raises(AuthError):
        post(staged(), via=Krakenflex(recalls_url, "not-the-key"))
    assert records("kingfisher") == ["00000001-pending.json"]


@pytest.mark.parametrize("force", [False, True])
def test_a_dry_run_posts_nothing(staged, post, lake, accepted, records, force) -> None:
    """Neither post nor record; and it says what it would do."""
    would = deliver(no_api, lake, staged(), dry_run=True, force=force)
    assert (would["posted"], would["why"]) == (False, "it would be posted")
    assert (accepted("kingfisher"), records("kingfisher")) == ([], [])
    post(staged())
    would = deliver(no_api, lake, staged(), dry_run=True, force=force)
    assert ("would be posted" in would["why"]) == force
    assert len(accepted("kingfisher")) == 1


def test_records_of_another_source_are_in_the_way(staged, post, lake, replica) -> None:
    """What local data has posted is not taken for what KrakenFlex has, published or not."""
    post(staged())
    replica.seed += 1
    made = staged()  # no table yet that would say whose data it holds
    with pytest.raises(OtherSource, match="Use another bucket"):
        deliver(no_api, lake, made, dry_run=False, force=False)


def test_two_runs_that_post_at_once(staged, post, lake, accepted) -> None:
    """Who finds the number taken fails, and its next try takes the next number."""
    one, other = staged(USUAL), staged(USUAL, "2022-06-01T00:00:00Z")
    taken = KEYS.delivery(USUAL, 1, "pending")

    class Overtaken:
        """Lists before the other run writes, as the slower of two does."""

        def __getattr__(self, name: str) -> Any:
            return getattr(lake, name)

        def keys(self, prefix: str) -> list[str]:
            return [] if prefix == KEYS.deliveries(USUAL) else list(lake.keys(prefix))

    post(one)
    before = lake.get(taken)
    with pytest.raises(LakeError, match="never overwritten"):
        deliver(no_api, Overtaken(), other, dry_run=False, force=False)
    assert lake.get(taken) == before
    assert len(accepted(USUAL)) == 1


def test_a_crash_after_the_post_is_mended_by_the_next_run(staged, post, lake, api) -> None:
    """What was accepted and not yet published is published, without a second post."""
    post(staged())
    assert lake.head(KEYS.table).version == -1
    published = run(api, lake, "kingfisher")
    assert (published["posted"], published["version"]) == (False, 1)


def test_the_newest_delivery_is_found_among_many(lake, staged, post) -> None:
    """Nine before ten."""
    made = staged()
    for _ in range(11):
        made["read"]["token"] += "x"
        post(made, force=True)
    assert newest_delivery(lake, "kingfisher")["number"] == 11
    assert publish(lake, post(made))["delivery"] == 11
