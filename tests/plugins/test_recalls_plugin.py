"""Airflow lists the pages and serves the site to users who may read the DAG."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from botocore.client import BaseClient

from include.lake.store import Store
from include.site.code import code_files
from local.environment import lake_connection
from local.processes import clean_environment, free_port
from plugins.ui.recalls_plugin import PAGES
from tests.conftest import new_store

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "plugins" / "ui" / "airflow.js"
SHARD, MANIFEST, APP = "shards/rows-0f.json.gz", "/recalls/site.json", "/recalls/code/app.js"
SITE = {"site.json": b"{}", "feeds/changes.atom": b"<feed/>", SHARD: gzip.compress(b"[]")}
# A script from the bucket would run with the viewer's permissions.
SCRIPTS = dict.fromkeys(
    ("index.html", "assets/0f/app.js", "airflow.js", "site.json/app.js"), b"rows"
)
SERVED = {
    **{f"/recalls/{path}": body for path, body in SITE.items()},
    **{f"/recalls/code/{name}": body for name, body in code_files().items()},
    "/recalls/airflow.js": BUNDLE.read_bytes(),
}
NOT_IN_SITE = [
    "/recalls/",
    "/recalls/index.html",
    "/recalls/assets/0f/app.js",
    "/recalls/site.json/app.js",
    "/recalls/code/../code.py",
    "/recalls/code/%2e%2e/%2e%2e/code.py",
    "/recalls/../vehicle_recalls/2026.parquet",
    "/recalls/%2e%2e/vehicle_recalls/2026.parquet",
    "/recalls/..%2fvehicle_recalls%2f2026.parquet",
    "/recalls/vehicle_recalls/2026.parquet",
    "/recalls//site.json",
    "/recalls/.txt",
    "/recalls/../site.txt",
    "/recalls/s3://x",
    "/recalls/" + "a" * 2000,
]
PLUGINS = "/api/v2/plugins"
VIEWER, ANONYMOUS = "viewer", ""
COMPLETE, NO_SITE, EMPTY, UNREACHABLE = "complete", "no site", "empty", "unreachable"
Request = tuple[str, str, str]  # role, path, lake


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str
    status_again: int


def connection(store: Store, url: str = "") -> str:
    return lake_connection(
        {
            "LAKE_BUCKET": store.bucket,
            "LAKE_ENDPOINT_URL": url or store.options["AWS_ENDPOINT_URL"],
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    )


@pytest.fixture(scope="module")
def lakes(s3: BaseClient, s3_url: str) -> dict[str, str]:
    complete, no_site, empty = (new_store(s3, s3_url) for _ in range(3))
    for path, body in (SITE | SCRIPTS).items():
        complete.replace(f"site/{path}", body)
    complete.replace("vehicle_recalls/2026.parquet", b"rows")
    complete.replace("site.txt", b"rows")
    no_site.replace("vehicle_recalls/table/_delta_log/00000000000000000000.json", b"{}")
    return {
        COMPLETE: connection(complete),
        NO_SITE: connection(no_site),
        EMPTY: connection(empty),
        UNREACHABLE: connection(complete, f"http://127.0.0.1:{free_port()}"),
    }


@pytest.fixture(scope="module")
def answers(
    lakes: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> dict[Request, Answer]:
    """All requests of this file in one process, because Airflow starts slowly."""
    requests = [(role, path, COMPLETE) for role in (VIEWER, ANONYMOUS) for path in SERVED]
    requests += [(VIEWER, path, COMPLETE) for path in (*NOT_IN_SITE, PLUGINS)]
    requests += [(VIEWER, MANIFEST, lake) for lake in (NO_SITE, EMPTY, UNREACHABLE)]
    requests += [(VIEWER, f"/recalls/{SHARD}", NO_SITE)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.plugins.query_airflow"],
        input=json.dumps([[role, path, lakes[lake]] for role, path, lake in requests]),
        env=clean_environment()
        | {
            "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{VIEWER}:{VIEWER}",
            "PYTHONPATH": str(ROOT),
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers = [Answer(*answer) for answer in json.loads(done.stdout.splitlines()[-1])]
    return dict(zip(requests, answers, strict=True))


def test_airflow_lists_every_page(answers: dict[Request, Answer]) -> None:
    """If one page is invalid, Airflow drops all of them with only a warning."""
    (plugin,) = json.loads(answers[VIEWER, PLUGINS, COMPLETE].text)["plugins"]
    listed = {(page["name"], page["destination"]) for page in plugin["react_apps"]}
    assert listed == {(page["name"], page["destination"]) for page in PAGES}
    assert {page["bundle_url"] for page in plugin["react_apps"]} == {"recalls/airflow.js"}


def test_bundle_defines_every_page_by_name() -> None:
    """Airflow looks up a page's component by name in `window`."""
    defined = re.findall(r'^globalThis\["(.+?)"\] = ', BUNDLE.read_text(), re.MULTILINE)
    assert defined == [page["name"] for page in PAGES]


@pytest.mark.parametrize("path", SERVED)
def test_site_is_served_to_viewer(answers: dict[Request, Answer], path: str) -> None:
    answer = answers[VIEWER, path, COMPLETE]
    assert (answer.status, answer.status_again) == (200, 304)
    if path != f"/recalls/{SHARD}":
        assert answer.text.encode() == SERVED[path]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("path", SERVED)
def test_site_requires_login(answers: dict[Request, Answer], path: str) -> None:
    answer = answers[ANONYMOUS, path, COMPLETE]
    assert (answer.status, answer.status_again) == (401, 401)


@pytest.mark.parametrize("path", NOT_IN_SITE)
def test_other_bucket_keys_are_not_found(answers: dict[Request, Answer], path: str) -> None:
    answer = answers[VIEWER, path, COMPLETE]
    # A path that the client normalizes out of /recalls is Airflow's own page.
    assert answer.status == 404 or "<title>Airflow" in answer.text
    assert answer.text != "rows"


def test_scripts_are_compressed_and_only_shards_are_cached(answers: dict[Request, Answer]) -> None:
    script = answers[VIEWER, APP, COMPLETE].headers
    assert script["content-type"].startswith("text/javascript")
    assert script["content-encoding"] == "gzip"
    shard = answers[VIEWER, f"/recalls/{SHARD}", COMPLETE].headers
    assert shard["content-type"] == "application/gzip"
    assert shard["cache-control"] == "private, max-age=31536000, immutable"
    assert answers[VIEWER, MANIFEST, COMPLETE].headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("path", "lake", "status", "sentence"),
    [
        (MANIFEST, EMPTY, 404, r"The lake has no recalls yet: trigger vehicle_recalls, .*"),
        (MANIFEST, NO_SITE, 404, r"The recalls have no page yet: trigger vehicle_recalls again.*"),
        (f"/recalls/{SHARD}", NO_SITE, 404, r"The site has no such file; reload the page .*"),
        (MANIFEST, UNREACHABLE, 503, r"The site cannot be read: .*; check that the endpoint .*"),
    ],
)
def test_missing_data_is_explained_in_one_sentence(
    answers: dict[Request, Answer], path: str, lake: str, status: int, sentence: str
) -> None:
    answer = answers[VIEWER, path, lake]
    assert answer.status == status
    assert re.fullmatch(sentence, json.loads(answer.text)["detail"])
