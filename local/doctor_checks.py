"""The lake's part of `make doctor`, and how each check becomes a line."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

from include.data.catalog import DEFAULT, datasets
from include.errors import PermanentError
from include.http.client import HttpClient
from include.http.errors import HttpError
from include.lake.keys import new_read_id
from include.lake.store import Store, StoreError, StoreRefused, parallel_map

MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)  # S3 refuses 15
# What the pipelines write, by folders of a dataset; {read} is the id of a read. The keys are
# such as the rights of deploy/terraform/ allow. The first can be deleted, the others need not.
DELETED = (
    "{dataset}/raw/{read}/probe.gz",
    "{dataset}/staging/{read}/probe",
    "{dataset}/quarantine/{read}/probe.parquet",
    "{dataset}/table/{read}/probe.parquet",
)
KEPT = ("{dataset}/ledger/doctor/probe", "{dataset}/doctor/probe.csv")
OF_ONE_DATASET = {
    "vehicle_recalls": "vehicle_recalls/reports/doctor/probe.md",
    "site_outages": "site_outages/deliveries/doctor/probe.json",
}
SITE = "site/doctor/probe"


class Found(NamedTuple):
    state: Literal["ok", "FAIL", "skipped"]
    what: str
    said: str


def tested(what: str, hook: Any) -> Found:
    def test() -> str:
        ok, said = hook().test_connection()
        if not ok:
            raise PermanentError(said)
        return str(said)

    return checked(what, test)


def checked(what: str, check: Callable[[], str]) -> Found:
    try:
        return Found("ok", what, check())
    except (HttpError, StoreError, PermanentError) as error:
        return Found("FAIL", what, str(error))
    except ValueError:  # of Airflow, which shows what it cannot read
        return Found("FAIL", what, "the connection is not JSON; compare it with .env.example")


def lake_checks() -> Iterator[Found]:
    from plugins.hooks.store_hook import StoreHook

    bucket = tested("bucket", StoreHook)
    yield bucket
    if bucket.state != "ok":
        yield Found("skipped", "rights, conditional put, clock of S3", "the bucket is not readable")
        return
    store = StoreHook().get_conn()
    for dataset in sorted(datasets()):
        keys = [*DELETED, *KEPT, *filter(None, [OF_ONE_DATASET.get(dataset)])]
        yield _rights(store, f"{dataset}/", [(key, key in DELETED) for key in keys])
    yield _rights(store, "site/", [(SITE, True)])
    yield checked("conditional put", lambda: _conditional_put(store))
    yield checked("clock of S3", lambda: clock_of_s3(store))


def _rights(store: Store, prefix: str, keys: Collection[tuple[str, bool]]) -> Found:
    """Put, list, get and delete a probe at each key."""
    read = new_read_id()

    def problem(item: tuple[str, bool]) -> str:
        key = item[0].format(dataset=prefix.rstrip("/"), read=read)
        try:
            left = _try_key(store, key, must_delete=item[1])
        except StoreError as error:
            return str(error)
        if left:
            stay.append(left)
        return ""

    stay: list[str] = []
    problems = [text for text in parallel_map(problem, keys) if text]
    if problems:
        more = f" ({len(problems) - 1} more of its folders fail)" if problems[1:] else ""
        return Found("FAIL", f"rights in {prefix}", problems[0] + more)
    said = f"{len(keys)} probes were put, listed and read; {len(keys) - len(stay)} deleted"
    rest = f"; without that right, which pipelines need not have, stay {', '.join(sorted(stay))}"
    return Found("ok", f"rights in {prefix}", said + (rest if stay else ""))


def _try_key(store: Store, key: str, *, must_delete: bool) -> str:
    """Returns the key of a probe that cannot be deleted, and need not."""
    body = b"of make doctor; it may be deleted"
    store.replace(key, body)
    try:
        if key not in store.list(key.rpartition("/")[0]) or store.get(key) != body:
            raise StoreError(f"{store.url(key)} was written and is not there; look at the store")
    finally:
        try:
            store.delete([key])
        except StoreRefused:
            if must_delete:
                raise
            left = key
        else:
            left = ""
    return left


def _conditional_put(store: Store) -> str:
    key = f"{DEFAULT}/staging/{new_read_id()}/conditional"
    store.put(key, b"first")
    try:
        store.put(key, b"second")
    except StoreError:
        if store.get(key) == b"first":
            return "an object that exists is not overwritten"
    finally:
        store.delete([key])
    raise PermanentError(
        "the store overwrote an object that existed, so two runs could both commit one version; "
        "use a store that honors If-None-Match"
    )


def clock_of_s3(store: Store) -> str:
    region = store.options["AWS_REGION"]
    url = store.options.get("AWS_ENDPOINT_URL") or f"https://s3.{region}.amazonaws.com"
    answer = HttpClient(url, attempts=2, total_s=20).get(
        f"/{store.bucket}", ok_statuses=range(300, 600)
    )
    return same_clock(answer.date_in("Date"))


def same_clock(theirs: datetime) -> str:
    off = theirs - datetime.now(UTC)
    if abs(off) > MAX_CLOCK_DIFFERENCE:
        direction = "ahead of" if off > timedelta() else "behind"
        raise PermanentError(
            f"it is {abs(off.total_seconds()):,.0f} s {direction} this machine; correct the clock "
            "of this machine, for example by NTP"
        )
    return "agrees with this machine"
