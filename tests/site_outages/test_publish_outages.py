"""What readers find: the columns, the same bytes each time, one commit, and mended copies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from fakes.made_up_outages import ODD, USUAL
from include.first.lake import Lake, LakeError
from include.first.quality import AuditFailed
from include.site_outages import publish as publishing
from include.site_outages.contract import CONTRACT
from include.site_outages.deliver import deliver
from include.site_outages.enrich import enrich
from include.site_outages.krakenflex import Krakenflex
from include.site_outages.publish import project, publish
from include.site_outages.read import (
    KEYS,
    OtherColumns,
    OtherSource,
    begin,
    land_outages,
    land_site,
    stage,
)
from include.site_outages.run import SINCE, run


@pytest.fixture
def delivered(api, lake):
    """Makes what was accepted and is not yet published."""

    def make(site_id: str = "kingfisher", **changes: Any) -> Any:
        read = begin(lake, site_id, SINCE, "run 1")
        staged = stage(lake, read, land_outages(api, lake, read), land_site(api, lake, read))
        staged.update(changes)
        return deliver(lambda: api, lake, staged, dry_run=False, force=False)

    return make


def file_of(lake: Lake, site_id: str) -> pa.Table:
    return lake.read_parquet(KEYS.site(site_id))


def table_of(lake: Lake) -> pa.Table:
    uri = f"s3://{lake.bucket}/{KEYS.table}"
    return DeltaTable(uri, storage_options=lake.storage_options).to_pyarrow_table()


def test_the_file_has_what_was_posted(api, lake, accepted) -> None:
    """Row by row the payload, in its order, with the site and the instants beside."""
    run(api, lake)
    table = file_of(lake, USUAL)
    assert table.schema.remove_metadata() == pa.schema(
        [
            pa.field("site_id", pa.string(), nullable=False),
            ("site_name", pa.string()),
            pa.field("id", pa.string(), nullable=False),
            pa.field("name", pa.string(), nullable=False),
            pa.field("begin", pa.string(), nullable=False),
            ("end", pa.string()),
            pa.field("begin_at", pa.timestamp("us", tz="UTC"), nullable=False),
            ("end_at", pa.timestamp("us", tz="UTC")),
        ]
    )
    assert table.select(["id", "name", "begin", "end"]).to_pylist() == accepted(USUAL)[0]
    assert set(table["site_id"].to_pylist()) == {USUAL}
    assert set(table["site_name"].to_pylist()) == {"Norwich Pear Tree"}
    for text, at in (("begin", "begin_at"), ("end", "end_at")):
        texts = pc.strftime(table[at], "%Y-%m-%dT%H:%M:%SZ").to_pylist()
        assert [t[:23] + "Z" for t in texts] == table[text].to_pylist()


def test_the_file_says_what_its_columns_are(api, lake) -> None:
    """Each column has its sentence in the metadata."""
    run(api, lake)
    schema = file_of(lake, USUAL).schema
    for column in CONTRACT.columns:
        assert schema.field(column.name).metadata[b"comment"].decode() == column.sentence


def test_the_table_has_every_site(api, lake) -> None:
    """One partition a site; readers of Delta find the same rows as in the files."""
    for site in (USUAL, "kingfisher", "no-outages"):
        run(api, lake, site)
    rows = table_of(lake)
    assert rows.num_rows == file_of(lake, USUAL).num_rows + 3
    kingfisher = rows.filter(pc.equal(rows["site_id"], "kingfisher"))
    assert kingfisher.to_pylist() == file_of(lake, "kingfisher").to_pylist()
    assert lake.head(KEYS.table).files.keys() == {USUAL, "kingfisher", "no-outages"}


def test_a_site_without_outages_has_a_file_without_rows(api, lake) -> None:
    """None is an answer, which readers can tell from a site that was never asked for."""
    run(api, lake, "no-outages")
    assert file_of(lake, "no-outages").num_rows == 0
    assert lake.made_from(KEYS.site("no-devices")) is None


def test_typed_columns_of_odd_times(api, lake, replica) -> None:
    """What is no end is null beside the text as it was."""
    replica.krakenflex.dials.odd_sites = True
    run(api, lake, "outage-without-end")
    assert file_of(lake, "outage-without-end")["end"].to_pylist()[1:3] == [None, None]
    assert file_of(lake, "outage-without-end")["end_at"].null_count == 2
    run(api, lake, "malformed-timestamps")
    odd = file_of(lake, "malformed-timestamps").to_pylist()[1]
    assert (odd["end"], odd["end_at"]) == ("2023-02-30T00:00:00.000Z", None)
    assert odd["begin_at"] == datetime(2023, 2, 1, 6, tzinfo=UTC)


def test_an_unchanged_run_commits_nothing(api, lake) -> None:
    """The same payload is the same version, file and bytes."""
    first = run(api, lake)
    body = lake.get(KEYS.site(USUAL))
    keys = set(lake.keys(f"{KEYS.table}/"))
    second = run(api, lake)
    assert (first["version"], second["version"], second["state"]) == (1, None, "unchanged")
    assert lake.get(KEYS.site(USUAL)) == body
    assert set(lake.keys(f"{KEYS.table}/")) == keys


@pytest.mark.parametrize("site", [USUAL, "kingfisher", "no-outages"])
def test_two_runs_over_the_same_source_give_the_same_bytes(
    api, lake, delivered, site, monkeypatch
) -> None:
    """Whatever else was listed, whichever token: also when the file is written anew."""
    run(api, lake, site)
    body = lake.get(KEYS.site(site))
    monkeypatch.setattr(publishing, "site_states", lambda _: {})
    assert publish(lake, delivered(site))["version"] == 2
    monkeypatch.undo()
    project(lake)
    assert lake.get(KEYS.site(site)) == body


def test_a_changed_site_replaces_its_file_alone(api, lake, replica) -> None:
    """The other site stays as it was, and the version before can still be read."""
    run(api, lake)
    run(api, lake, "kingfisher")
    before = lake.head(KEYS.table)
    replica.day = 2
    changed = run(api, lake)
    head = lake.head(KEYS.table)
    assert changed["version"] == head.version == before.version + 1
    assert head.files["kingfisher"] == before.files["kingfisher"]
    assert head.files[USUAL].rows == before.files[USUAL].rows + 1
    assert file_of(lake, USUAL).num_rows == head.files[USUAL].rows
    assert lake.head(KEYS.table, before.version).files == before.files


def test_a_name_that_changed_is_a_change(api, lake, delivered) -> None:
    """The site's own name is not posted, but it is published."""
    run(api, lake, "kingfisher")
    assert publish(lake, delivered(site_name="Fisher King"))["version"] == 2


def test_the_receipt_says_how_it_came_about(api, lake) -> None:
    """Token, source, time, counts, checks, the delivery, and the state of every site."""
    published = run(api, lake, "kingfisher", run_id="scheduled__1")
    receipt = lake.receipt(KEYS.table, published["version"])
    assert receipt["token"] == published["token"]
    assert receipt["run_id"] == "scheduled__1"
    assert receipt["source"] == {"dataset": "krakenflex", "publisher": "made-up:7"}
    assert receipt["observed_at"].endswith("Z")
    assert receipt["counts"]["posted"] == 3
    assert receipt["delivery"] == 1
    assert {check["outcome"] for check in receipt["checks"]} == {"passed"}
    assert receipt["sites"]["kingfisher"]["rows"] == 3


def test_a_dry_run_leaves_no_trace_but_what_it_read(api, lake, accepted) -> None:
    """No table, no file, no record."""
    would = run(api, lake, dry_run=True)
    assert (would["version"], would["state"], would["counts"]["posted"]) == (None, "changed", 11)
    folders = {key.split("/")[1] for key in lake.keys(KEYS.folder)}
    assert folders == {"raw", "staging"}
    assert accepted(USUAL) == []


def test_a_copy_that_was_lost_or_is_another_is_mended(api, lake) -> None:
    """By the next run, of whatever site, also when nothing changed."""
    for site in (USUAL, "kingfisher"):
        run(api, lake, site)
    bodies = {site: lake.get(KEYS.site(site)) for site in (USUAL, "kingfisher")}
    lake.delete(KEYS.site(USUAL))
    lake.project(KEYS.site("kingfisher"), b"old", {"sha256": "another"})
    assert run(api, lake, "kingfisher")["version"] is None
    assert {site: lake.get(KEYS.site(site)) for site in bodies} == bodies
    assert project(lake) == []


def test_a_publish_that_is_tried_again_finds_its_commit(lake, delivered) -> None:
    """The task died after its commit: the second try is the same version."""
    made = delivered()
    assert publish(lake, made)["version"] == 1
    assert publish(lake, made)["version"] == 1
    assert lake.head(KEYS.table).version == 1


def test_a_commit_whose_answer_was_lost_is_not_made_twice(lake, delivered, monkeypatch) -> None:
    """An error after the commit had landed: its own token in the log says that it did."""
    made, commit = delivered(), lake.commit

    def lose_the_answer(*given: Any, **named: Any) -> int:
        commit(*given, **named)
        raise LakeError("no answer")

    monkeypatch.setattr(lake, "commit", lose_the_answer)
    assert publish(lake, made)["version"] == 1
    assert lake.head(KEYS.table).version == 1


def test_a_lost_race_is_run_again_on_top(lake, delivered, monkeypatch) -> None:
    """Another site's commit in between: both sites are in the next version."""
    monkeypatch.setattr("include.first.in_turn.let_others_pass", lambda: None)
    run_before = delivered("no-outages")
    publish(lake, run_before)
    mine, other = delivered("kingfisher"), delivered("no-devices")
    commit = lake.commit

    def overtaken(*given: Any, **named: Any) -> int:
        monkeypatch.setattr(lake, "commit", commit)
        publish(lake, other)
        return commit(*given, **named)

    monkeypatch.setattr(lake, "commit", overtaken)
    assert publish(lake, mine)["version"] == 3
    assert lake.head(KEYS.table).files.keys() == {"no-outages", "no-devices", "kingfisher"}


def test_a_slower_older_read_changes_nothing(lake, delivered, replica) -> None:
    """What a later read has published stays."""
    publish(lake, delivered(USUAL))
    older = delivered(USUAL, observed_at="2020-01-01T00:00:00Z")
    replica.day = 2
    publish(lake, delivered(USUAL))
    told = publish(lake, older)
    assert (told["version"], told["state"]) == (None, "known from a later read")


def test_another_source_is_refused_before_anything_is_written(api, lake, replica, accepted) -> None:
    """Made-up data of another seed is another source; so is the real one."""
    run(api, lake)
    keys = set(lake.keys(""))
    replica.seed += 1
    with pytest.raises(OtherSource, match=r"holds what krakenflex .made-up:7. .+ .made-up:8."):
        run(api, lake, "kingfisher")
    assert set(lake.keys("")) == keys
    assert accepted("kingfisher") == []


def test_answers_of_two_sources_are_no_read(api, lake, replica) -> None:
    """A host that changes its mind between two questions."""
    read = begin(lake, "kingfisher", SINCE, "run 1")
    outages = land_outages(api, lake, read)
    replica.seed += 1
    with pytest.raises(OtherSource, match="made-up:7 and the site is made-up:8"):
        stage(lake, read, outages, land_site(api, lake, read))


def test_other_columns_are_refused_at_the_start(api, lake) -> None:
    """A table that an older contract made is not added to."""
    lake.create(KEYS.table, CONTRACT.schema.remove(7), partition_by="site_id")
    with pytest.raises(OtherColumns, match="end_at"):
        run(api, lake)


def test_numbers_that_do_not_add_up_are_not_posted(api, lake, accepted, monkeypatch) -> None:
    """A step that lost an outage is found before anything leaves the house."""

    def lose_one(*given: Any) -> Any:
        made = enrich(*given)
        made.payload.pop()
        return made

    monkeypatch.setattr("include.site_outages.read.enrich", lose_one)
    with pytest.raises(AuditFailed, match=r"listed = .+ \+ 2; this is a defect of ours"):
        run(api, lake, "kingfisher")
    assert accepted("kingfisher") == []


@pytest.mark.parametrize(
    ("field", "found"), [("posted", "3 rows of 2"), ("name", "is never null: name")]
)
def test_a_file_that_is_not_what_was_posted_is_not_published(
    lake, delivered, field, found, monkeypatch
) -> None:
    """The file is read back before it is committed."""
    made = delivered()
    if field == "posted":
        made["staged"]["counts"]["posted"] = 2
    else:
        # Arrow itself would refuse to write it: the check does not count on that.
        rows_of = publishing.rows_of
        column = CONTRACT.schema.get_field_index("name")

        def nameless(*given: Any) -> pa.Table:
            return rows_of(*given).set_column(column, "name", pa.nulls(3, pa.string()))

        monkeypatch.setattr(publishing, "rows_of", nameless)
    with pytest.raises(AuditFailed, match=found):
        publish(lake, made)
    assert lake.head(KEYS.table).version == -1


def test_what_was_landed_is_not_changed_on_the_way(api, lake) -> None:
    """Raw is what the API said; anything else there stops the run."""
    read = begin(lake, "kingfisher", SINCE, "run 1")
    outages, site = land_outages(api, lake, read), land_site(api, lake, read)
    lake.project(outages["key"], b"[]", {})
    with pytest.raises(Exception, match="is not what was landed"):
        stage(lake, read, outages, site)


@pytest.mark.parametrize("site", ODD)
def test_every_oddity_is_posted_accepted_and_published(api, lake, replica, accepted, site) -> None:
    """Odd data never crashes half-way; KrakenFlex takes what the rules make of it."""
    replica.krakenflex.dials.odd_sites = True
    published = run(api, lake, site)
    assert published["posted"]
    assert published["counts"]["oddities"] >= 1
    assert replica.krakenflex.refused == {}
    assert file_of(lake, site).num_rows == len(accepted(site)[0])
    assert run(api, lake, site)["state"] == "unchanged"


def test_a_500_now_and_then_does_not_show(api, lake, replica) -> None:
    """Every third call fails, of three kinds of calls; the run is as ever."""
    replica.krakenflex.dials.fails_every = 3
    for site in (USUAL, "kingfisher", "no-outages"):
        assert run(api, lake, site)["posted"]


def test_real_data_has_its_own_name(lake, delivered) -> None:
    """A receipt says official where no header says otherwise, and then made-up is refused."""
    made = delivered()
    made["staged"]["source"]["publisher"] = "official"
    publish(lake, made)
    with pytest.raises(OtherSource, match="official"):
        publish(lake, delivered_again(made))


def delivered_again(made: Any) -> Any:
    """The same outages from the local API, in another read."""
    source = {"dataset": "krakenflex", "publisher": "made-up:7"}
    read = made["staged"]["read"] | {"token": "another"}
    return made | {"staged": made["staged"] | {"source": source, "read": read}}


def test_a_since_that_is_none_stops_the_run(api, lake, replica) -> None:
    """Before anything is asked or written."""
    with pytest.raises(Exception, match="which is no instant; write it as"):
        run(api, lake, since="2022-01-01")
    assert replica.requests == []


def test_an_unknown_site_or_a_wrong_key_leaves_no_trace_in_the_table(
    api, lake, recalls_url
) -> None:
    """Reading fails at once, so nothing is posted and nothing published."""
    with pytest.raises(Exception, match="Is there a site `nowhere`"):
        run(api, lake, "nowhere")
    with pytest.raises(Exception, match="password of the connection"):
        run(Krakenflex(recalls_url, "not-the-key"), lake)
    assert {key.split("/")[1] for key in lake.keys(KEYS.folder)} <= {"raw"}
