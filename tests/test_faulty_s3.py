"""The faulty proxy forwards every call unless a test adds a fault."""

import threading
from contextlib import suppress

import pytest
import requests

from include.lake.store import Store, StoreError, StoreRefused
from tests.conftest import open_store
from tests.faulty_s3 import FaultyS3, faulty_s3


@pytest.fixture
def store_with_old(store: Store) -> Store:
    store.put("old", b"old")
    return store


def test_calls_pass_unchanged_and_are_recorded(
    proxy: FaultyS3, shaky_store: Store, store: Store
) -> None:
    shaky_store.put("a/year=2019 ä", b"hello")
    shaky_store.copy("a/year=2019 ä", "b")
    assert shaky_store.get("b") == store.get("b") == b"hello"
    assert list(shaky_store.list("")) == ["a/year=2019 ä", "b"]
    shaky_store.delete(["b"])
    assert list(store.list("")) == ["a/year=2019 ä"]
    place = f"/{store.bucket}"
    assert [(call.method, call.path) for call in proxy.calls] == [
        ("PUT", f"{place}/a/year=2019 ä"),
        ("COPY", f"{place}/b"),
        ("GET", f"{place}/b"),
        ("GET", place),
        ("POST", place),
    ]
    assert [call.method for call in proxy.changes] == ["PUT", "COPY", "POST"]


def test_fail_refuses_from_the_nth_change_until_cleared(
    proxy: FaultyS3, shaky_store: Store, store_with_old: Store
) -> None:
    proxy.fail(nth=2, status=403)
    shaky_store.put("1", b"")
    for key in ("2", "3"):
        with pytest.raises(StoreRefused):
            shaky_store.put(key, b"")
    assert shaky_store.get("old") == b"old"
    assert set(store_with_old.list("")) == {"1", "old"}
    proxy.clear()
    shaky_store.put("2", b"")
    assert [str(call) for call in proxy.changes] == [f"PUT /{store_with_old.bucket}/2"]


def test_fail_once_lets_a_retry_pass(proxy: FaultyS3, shaky_store: Store, store: Store) -> None:
    proxy.fail("/k", times=1, status=503)
    shaky_store.put("k", b"kept")
    assert store.get("k") == b"kept"
    assert len(proxy.changes) == 2


def test_fail_without_status_closes_the_connection(proxy: FaultyS3, store_with_old: Store) -> None:
    proxy.fail(lambda call: call.method == "GET", status=None)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{proxy.url}/{store_with_old.bucket}/old", timeout=10)


def test_refuse_from_refuses_reads_too(proxy: FaultyS3, shaky_store: Store, store: Store) -> None:
    proxy.refuse_from(2)
    shaky_store.put("1", b"")
    with pytest.raises(StoreRefused):
        shaky_store.put("2", b"")
    with pytest.raises(StoreRefused):
        shaky_store.get("1")
    assert list(store.list("")) == ["1"]


def test_drop_reply_leaves_the_change_in_s3(
    proxy: FaultyS3, shaky_store: Store, store: Store
) -> None:
    proxy.drop_reply("/k", times=99)
    with pytest.raises(StoreError):
        shaky_store.replace("k", b"done")
    assert store.get("k") == b"done"


def test_hooks_run_once_before_and_after_their_call(
    proxy: FaultyS3, shaky_store: Store, store: Store
) -> None:
    seen: list[bool] = []
    proxy.before(lambda: seen.append(store.get_if_exists("k") is None), "/k")
    proxy.after(lambda: seen.append(store.get_if_exists("k") == b"x"), "/k")
    shaky_store.put("k", b"x")
    shaky_store.get("k")
    assert seen == [True, True]


def test_parallel_calls_are_all_recorded(proxy: FaultyS3, shaky_store: Store, store: Store) -> None:
    proxy.fail(nth=3, times=1, status=403)

    def put(thread: int) -> None:
        for number in range(5):
            with suppress(StoreRefused):
                shaky_store.put(f"{thread}/{number}", b"x")

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(proxy.changes) == 40
    assert len(store.list("")) == 39


def test_error_in_a_hook_is_raised_when_the_block_ends(s3_url: str, bucket: str) -> None:
    def broken_hook() -> None:
        raise LookupError("the hook is broken")

    def call_once() -> None:
        with faulty_s3(s3_url) as proxy:
            proxy.before(broken_hook)
            with suppress(StoreError):
                open_store(proxy.url, bucket).put("k", b"")

    with pytest.raises(LookupError, match="the hook is broken"):
        call_once()


def test_closed_proxy_leaves_no_thread_and_no_port(s3_url: str, bucket: str) -> None:
    before = set(threading.enumerate())
    with faulty_s3(s3_url) as proxy, requests.Session() as session:
        session.get(f"{proxy.url}/{bucket}", timeout=10)
        started = {t for t in set(threading.enumerate()) - before if "tokio" not in t.name}
        assert started
    assert not any(thread.is_alive() for thread in started)
    with pytest.raises(requests.ConnectionError):
        requests.get(proxy.url, timeout=10)
