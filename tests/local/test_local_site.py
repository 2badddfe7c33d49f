"""`make site` serves the site of the last run to this machine only."""

import re
import signal
from pathlib import Path

import pytest
import requests
from starlette.testclient import TestClient

from local.processes import Misuse
from local.site import create_app, site_folder
from tests.local.checkout import run_local, start


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "s3_bucket" / "site"
    for name in ("index.html", "site.json", "shards/rows-0.json.gz", "assets/0/app.js"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x" * 2000)
    return folder


@pytest.fixture
def client(folder: Path) -> TestClient:
    return TestClient(create_app(folder), base_url="http://127.0.0.1")


@pytest.mark.parametrize(
    ("path", "kind", "immutable"),
    [
        ("/", "text/html; charset=utf-8", False),
        ("/site.json", "application/json", False),
        ("/shards/rows-0.json.gz", "application/gzip", True),
        ("/assets/0/app.js", "text/javascript; charset=utf-8", True),
    ],
)
def test_file_has_content_type_and_security_headers(
    client: TestClient, path: str, kind: str, *, immutable: bool
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (200, "x" * 2000)
    assert answer.headers["Content-Type"] == kind
    assert answer.headers["Content-Security-Policy"] == "default-src 'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert ("immutable" in answer.headers["Cache-Control"]) == immutable


def test_code_is_compressed(client: TestClient) -> None:
    assert client.get("/assets/0/app.js").headers["Content-Encoding"] == "gzip"


def test_other_hosts_and_folders_are_refused(client: TestClient, folder: Path) -> None:
    (folder.parent / "secret.txt").write_text("secret")
    assert client.get("/", headers={"Host": "evil.example.org"}).status_code == 400
    assert client.get("/%2e%2e/secret.txt").status_code == 404
    assert client.get("/none").status_code == 404


def test_missing_site_prints_one_line_with_a_hint(tmp_path: Path) -> None:
    done = run_local(tmp_path, "site")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("there is no site yet in s3_bucket/site/: `make run` first")
    assert len(done.stderr.strip().splitlines()) == 1


def test_own_lake_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_BUCKET", "mine")
    with pytest.raises(Misuse, match="its site is the folder site/ of that bucket"):
        site_folder(tmp_path)


@pytest.mark.usefixtures("folder")
def test_site_is_served_until_ctrl_c(tmp_path: Path) -> None:
    with start(tmp_path, "site") as process:
        try:
            assert process.stderr
            line = process.stderr.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+/", line)
            assert url, line
            assert requests.get(url[0], timeout=30).text == "x" * 2000
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
        finally:
            process.kill()
