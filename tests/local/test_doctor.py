"""`make doctor` passes on local stand-ins and prints one line with a fix per problem."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from include.data.catalog import datasets
from include.errors import PermanentError
from include.lake.store import Store, StoreRefused
from local.dag_files import CONNECTION
from local.doctor import api_hooks, examine, secrets_of
from local.doctor_checks import DELETED, KEPT, OF_ONE_DATASET, SITE, Found, clock_of_s3
from local.environment import BOOKS_FILE, LAKE, RECALLS_API, connect
from local.processes import free_port
from local.s3_engine import ROOT
from local.state import State
from tests.conftest import open_store
from tests.faulty_s3 import Call, FaultyS3
from tests.http.raw_server import Api, message
from tests.local.checkout import run_local
from tests.recalls_source import RecallsSource, recalls_source

KEY = "a-key-of-some-length"
KRAKENFLEX = "AIRFLOW_CONN_KRAKENFLEX_API"
Doctor = Callable[..., dict[str, Found]]


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, s3_url: str, bucket: str, recalls_url: str
) -> Doctor:
    """Run the checks with the settings in `own` and stand-ins for all others."""
    monkeypatch.setattr("include.http.client.sleep", lambda _: None)
    books = json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "books.db")})

    def run_checks(*, endpoint: str = s3_url, lake: str = bucket, **own: str) -> dict[str, Found]:
        own = {"AIRFLOW_CONN_BOOKS_DB": books} | own
        settings = connect(own, bucket=lake, s3_url=endpoint, fakes_url=recalls_url) | own
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        user_settings = own.keys() - {"AIRFLOW_CONN_BOOKS_DB"}
        return {found.what: found for found in examine(settings, user_settings)}

    return run_checks


@pytest.fixture
def source() -> Iterator[RecallsSource]:
    with recalls_source() as made:
        yield made


def api(host: str, **parts: Any) -> str:
    return json.dumps({"conn_type": "http", "host": host} | parts)


def in_state(found: dict[str, Found], state: str) -> set[str]:
    return {line.what for line in found.values() if line.state == state}


def failed(found: dict[str, Found]) -> str:
    """The text of the only failed check."""
    (line,) = (line for line in found.values() if line.state == "FAIL")
    assert "\n" not in line.said
    return f"{line.what}: {line.said}"


def test_stand_ins_pass_and_probes_are_deleted(doctor: Doctor, s3_url: str, bucket: str):
    found = doctor()
    assert in_state(found, "skipped") == {"HEADWATERS_CONTACT", "vin_api"}
    assert in_state(found, "FAIL") == set()
    assert {f"rights in {name}/" for name in [*datasets(), "site"]} < in_state(found, "ok")
    assert open_store(s3_url, bucket).list("") == {}


def test_settings_line_names_the_users_settings(doctor: Doctor, recalls_url: str):
    text = doctor(AIRFLOW_CONN_ECB_API=api(recalls_url))["settings"].said
    assert text.startswith("the lake is on this laptop; you set ecb_api; stand-ins for recalls_api")


def test_unreachable_apis_fail_with_one_line_each(doctor: Doctor):
    names = {"recalls_api", "ecb_api", "open_library_api", "vin_api"}
    nowhere = api(f"http://127.0.0.1:{free_port()}")
    connections = {f"AIRFLOW_CONN_{name.upper()}": nowhere for name in names}
    found = doctor(HEADWATERS_CONTACT="me@example.org", **connections)
    assert in_state(found, "FAIL") == names
    for name in names:
        text = found[name].said
        assert "\n" not in text
        assert "nothing answers there" in text
        assert f"the host of the connection `{name}`" in text or "password" not in text


def test_wrong_key_fails_without_showing_it(doctor: Doctor, recalls_url: str):
    settings = {KRAKENFLEX: api(recalls_url, password=KEY), "HEADWATERS_CONTACT": "me@example.org"}
    text = failed(doctor(**settings))
    assert text.startswith("krakenflex_api: ")
    assert "check the token or key" in text
    assert KEY not in text


def test_refused_app_token_fails_without_showing_it(doctor: Doctor):
    refusal = message(
        b'{"code": "permission_denied", "message": "app_token %s"}' % KEY.encode(), 403
    )
    with Api(refusal) as server:
        connection = api(server.url, password=KEY)
        text = failed(doctor(HEADWATERS_CONTACT="me@example.org", **{RECALLS_API: connection}))
    assert "The password of the connection `recalls_api` is the app token" in text
    assert KEY not in text


def test_redirect_error_names_its_target(doctor: Doctor):
    with Api(message(status=301, Location="https://elsewhere.example/x")) as server:
        connection = api(server.url)
        text = failed(doctor(HEADWATERS_CONTACT="me@example.org", **{RECALLS_API: connection}))
    assert "redirects to elsewhere.example/x" in text


def test_changed_column_is_named(doctor: Doctor, source: RecallsSource):
    source.columns["manufacturer"] = "number"
    text = failed(doctor(HEADWATERS_CONTACT="me@example.org", **{RECALLS_API: api(source.url)}))
    assert text.startswith("recalls_api: the source's columns changed: `manufacturer` is number")


def test_clock_skew_of_the_api_fails(doctor: Doctor, source: RecallsSource):
    source.headers["Date"] = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    text = failed(doctor(HEADWATERS_CONTACT="me@example.org", **{RECALLS_API: api(source.url)}))
    assert text.startswith("clock of recalls_api: it is 3,")
    assert "s ahead of this machine" in text


def test_connection_that_is_not_json_fails_without_showing_it(doctor: Doctor):
    text = failed(doctor(HEADWATERS_CONTACT="me@example.org", **{KRAKENFLEX: "{'password': 'pw-1"}))
    assert text.startswith("krakenflex_api: ")
    assert "pw-1" not in text


def test_vpic_url_is_checked(doctor: Doctor, recalls_url: str):
    assert doctor(VPIC_URL=f"{recalls_url}/api")["vPIC"].state == "ok"
    text = doctor(VPIC_URL=f"http://127.0.0.1:{free_port()}")["vPIC"]
    assert (text.state, "nothing answers there" in text.said) == ("FAIL", True)


@pytest.mark.parametrize(
    ("own", "official", "state"),
    [
        ({}, False, "skipped"),
        ({}, True, "FAIL"),
        ({RECALLS_API: "{}"}, False, "FAIL"),
        ({"HEADWATERS_CONTACT": "me@example.org"}, True, "ok"),
    ],
)
def test_contact_is_required_for_official_apis(own: dict[str, str], *, official: bool, state: str):
    lines = examine(own, own.keys(), official=official)
    assert next(line for line in lines if line.what == "HEADWATERS_CONTACT").state == state


def test_missing_bucket_skips_dependent_checks(doctor: Doctor):
    found = doctor(lake="there-is-none")
    assert "S3 answered NoSuchBucket; create the bucket" in failed(found)
    assert "rights, conditional put, clock of S3" in in_state(found, "skipped")


def test_unreachable_store_fails_with_a_hint(doctor: Doctor):
    text = failed(doctor(endpoint=f"http://127.0.0.1:{free_port()}"))
    assert "no answer; check that the endpoint of the connection `lake` is right and up" in text


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("ExpiredToken", "renew the credentials"),
        ("SignatureDoesNotMatch", "check the keys"),
        ("RequestTimeTooSkewed", "correct the clock"),
    ],
)
def test_store_error_has_a_hint(doctor: Doctor, code: str, hint: str):
    body = f"<Error><Code>{code}</Code><Message>x</Message></Error>".encode()
    with Api(message(body, status=403, Content_Type="application/xml")) as server:
        text = failed(doctor(endpoint=server.url))
    assert f"S3 answered {code}; {hint}" in text


def test_folder_without_write_permission_is_named(
    doctor: Doctor, proxy: FaultyS3, s3_url: str, bucket: str
):
    proxy.fail(f"PUT /{bucket}/vehicle_recalls/raw/", status=403)
    proxy.fail(f"PUT /{bucket}/vehicle_recalls/ledger/", status=403)
    text = failed(doctor(endpoint=proxy.url))
    assert text.startswith("rights in vehicle_recalls/: could not write")
    assert "/vehicle_recalls/raw/" in text
    assert text.endswith("grant the connection `lake` access to it (1 more of its folders fail)")
    assert open_store(s3_url, bucket).list("") == {}


def test_missing_delete_permission_fails(doctor: Doctor, proxy: FaultyS3):
    proxy.fail(lambda call: "delete" in call.query or call.method == "DELETE", status=403)
    found = doctor(endpoint=proxy.url)
    assert "could not delete" in found["rights in shoe_prices/"].said
    assert "(3 more of its folders fail)" in found["rights in shoe_prices/"].said


def test_ledger_probe_may_stay_without_delete_permission(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, s3_url: str, bucket: str
):
    """The Terraform role cannot delete in the ledger; each run overwrites one probe."""
    delete = Store.delete

    def refuse_in_ledger(store: Store, keys: list[str]) -> None:
        if "/ledger/" in keys[0]:
            raise StoreRefused("S3 answered AccessDenied")
        delete(store, keys)

    monkeypatch.setattr(Store, "delete", refuse_in_ledger)
    doctor()
    found = doctor()
    assert in_state(found, "FAIL") == set()
    assert found["rights in shoe_prices/"].said == (
        "6 probes were put, listed and read; 5 deleted; without that right, which pipelines need "
        "not have, stay shoe_prices/ledger/doctor/probe"
    )
    left = open_store(s3_url, bucket).list("")
    assert left.keys() == {f"{name}/ledger/doctor/probe" for name in datasets()}


def test_store_without_conditional_put_fails(
    doctor: Doctor, proxy: FaultyS3, s3: BaseClient, bucket: str
):
    """Deleting the object before the second put simulates such a store."""
    keys: list[str] = []

    def is_second_put(call: Call) -> bool:
        if call.method == "PUT" and call.path.endswith("/conditional"):
            keys.append(call.path.removeprefix(f"/{bucket}/"))
        return len(keys) == 2 and call.method == "PUT" and call.path.endswith("/conditional")

    proxy.before(lambda: s3.delete_object(Bucket=bucket, Key=keys[0]), is_second_put)
    text = failed(doctor(endpoint=proxy.url))
    assert text.startswith("conditional put: the store overwrote an object that existed")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(("off_s", "direction"), [(3_000, "ahead of"), (-3_000, "behind")])
def test_clock_skew_of_the_store_fails(bucket: str, off_s: int, direction: str):
    theirs = format_datetime(datetime.now(UTC) + timedelta(seconds=off_s), usegmt=True)
    with Api(message(b"<Error/>", status=403, Date=theirs)) as server:
        store = open_store(server.url, bucket)
        with pytest.raises(PermanentError, match=rf"it is (2,999|3,000|3,001) s {direction}"):
            clock_of_s3(store)


def test_every_pipeline_connection_is_checked():
    texts = [path.read_text() for path in (ROOT / "plugins" / "hooks").glob("*_hook.py")]
    names = {name for text in texts for name in CONNECTION.findall(text)}
    assert len(names) > 5
    assert api_hooks().keys() | {LAKE} == {f"AIRFLOW_CONN_{name.upper()}" for name in names}


@pytest.mark.parametrize("dataset", sorted(datasets()))
def test_terraform_role_allows_every_probe(dataset: str):
    policy = json.loads((ROOT / "deploy" / "terraform" / "policies" / "airflow.json").read_text())
    allowed = {each["Action"]: each["Resource"] for each in policy["Statement"]}

    def may(action: str, key: str) -> bool:
        key = key.format(dataset=dataset, read="20261129T000000-0123abcd")
        return any(fnmatchcase(f"${{lake}}/{key}", each) for each in allowed[action])

    kept = [*KEPT, *filter(None, [OF_ONE_DATASET.get(dataset)])]
    assert all(may("s3:PutObject", key) for key in [*DELETED, *kept, SITE])
    assert all(may("s3:GetObject", key) for key in [*DELETED, *kept, SITE])
    assert all(may("s3:DeleteObject", key) for key in [*DELETED, SITE])


def test_secrets_are_found_in_connections_and_variables():
    settings = {
        "AIRFLOW_CONN_A": api("h", password="one", extra={"api_key": "two"}),
        "AIRFLOW_CONN_B": "no json three",
        "RECALLS_APP_TOKEN": "four",
        LAKE: json.dumps({"password": "five", "extra": {"aws_session_token": "six"}}),
        "LAKE_BUCKET": "shown",
    }
    assert secrets_of(settings) == {"one", "two", "no json three", "four", "five", "six"}


@pytest.mark.slow
def test_command_passes_without_settings_and_fails_with_a_wrong_one(tmp_path: Path):
    for folder in ("include", "fakes", "plugins", "dags", "config"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    BOOKS_FILE.parent.mkdir(exist_ok=True)
    try:
        result = run_local(tmp_path, "doctor")
        assert result.returncode == 0, result.stdout + result.stderr
        lines = [line.split()[0] for line in result.stdout.splitlines() if line]
        assert lines.count("ok") >= 18
        assert set(lines) == {"ok", "skipped", "nothing"}
        (tmp_path / ".env").write_text(f"{RECALLS_API}='{api('127.0.0.1:9', password=KEY)}'\n")
        result = run_local(tmp_path, "doctor", "--live")
        assert result.returncode == 1
        assert "\nFAIL     recalls_api: " in result.stdout
        assert KEY not in result.stdout + result.stderr
    finally:
        State.read(tmp_path).end_servers()
        shutil.rmtree(tmp_path / ".local", ignore_errors=True)
