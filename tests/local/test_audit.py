"""`make audit` with the real pip-audit and a fake vulnerability service."""

import json
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from local.audit import LOCKS, run_audit
from local.processes import LocalError
from local.s3_engine import ROOT

pytestmark = pytest.mark.slow  # pip-audit takes seconds to start
LOCALSTACK = "requirements/localstack.lock"
OLD_ENOUGH = ("--assume-old=.venv/installed", "--assume-old=.venv/bootstrapped")


class Service(ThreadingHTTPServer):
    """A fake OSV API; it answers {} for a package without findings."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.findings: dict[str, list[dict[str, Any]]] = {}
        self.asked: set[tuple[str, str]] = set()
        self.broken = b""
        self.options = f"--osv-url http://127.0.0.1:{self.server_port}/v1/query"

    def add_finding(self, package: str, *ids: str) -> None:
        events = [{"introduced": "0"}, {"fixed": "9.9.9"}]
        affected = {
            "package": {"name": package, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
        self.findings.setdefault(package, []).append(
            {"id": ids[0], "aliases": ids[1:], "summary": "it leaks", "affected": [affected]}
        )


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = query["package"]["name"]
        self.server.asked.add((name, query["version"]))
        findings = self.server.findings.get(name)
        body = self.server.broken or json.dumps({"vulns": findings} if findings else {}).encode()
        self.send_response(500 if self.server.broken else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def environment() -> Path:
    """pip-audit as `make audit` installs it."""
    made = subprocess.run(
        ["make", ".venv-audit/installed", *OLD_ENOUGH],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"pip-audit cannot be installed here: {made.stderr.strip()[-300:]}")
    return ROOT / ".venv-audit"


@pytest.fixture
def root(environment: Path, tmp_path: Path) -> Path:
    """A project with two locked packages and no accepted findings."""
    for lock in LOCKS:
        (tmp_path / lock).parent.mkdir(exist_ok=True)
        (tmp_path / lock).touch()
    tmp_path.joinpath(".venv-audit").symlink_to(environment)
    tmp_path.joinpath("requirements/audit.toml").write_text("accepted = []")
    tmp_path.joinpath("requirements.txt").write_text("water==1.0 \\\n    --hash=sha256:0\n")
    tmp_path.joinpath(LOCALSTACK).write_text("mud[deep]==0.1 ; os_name == 'nt' \\\n")
    return tmp_path


@pytest.fixture
def accept(root: Path) -> Callable[..., None]:
    def write(look_again: str = "2999-01-01", **names: str) -> None:
        named = "".join(f'{name} = "{value}"\n' for name, value in names.items())
        entry = f'[[accepted]]\n{named}reason = "not reached"\nlook_again = {look_again}\n'
        (root / "requirements/audit.toml").write_text(entry)

    return write


def test_audit_checks_every_pinned_version(
    root: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Image and laptop use different Pythons, so markers must not exclude a version."""
    root.joinpath("requirements.txt").write_text(
        "water==1.0 ; python_full_version < '3.12' \\\nwater==2.0 ; python_full_version >= '3.12'\n"
    )
    assert run_audit(root, service.options) == 0
    assert service.asked == {("water", "1.0"), ("water", "2.0"), ("mud", "0.1")}
    assert capsys.readouterr().out == "nothing needs a look\n"


def test_finding_fails_with_lock_package_id_and_fixed_version(
    root: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.add_finding("water", "PYSEC-2026-1", "CVE-2026-1")
    assert run_audit(root, service.options) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "requirements.txt"
    assert lines[3].split()[:4] == ["water", "1.0", "PYSEC-2026-1", "9.9.9"]
    assert lines[-1] == "something needs a look"


def test_finding_is_accepted_by_any_id(root: Path, service: Service, accept) -> None:
    service.add_finding("water", "PYSEC-2026-1", "CVE-2026-1")
    accept(id="CVE-2026-1")
    assert run_audit(root, service.options) == 0
    service.add_finding("mud", "PYSEC-2026-2")
    assert run_audit(root, service.options) == 1


def test_accepted_lock_still_shows_its_findings(
    root: Path, service: Service, accept, capsys: pytest.CaptureFixture[str]
) -> None:
    service.add_finding("mud", "PYSEC-2026-2")
    accept(lock=LOCALSTACK)
    assert run_audit(root, service.options) == 0
    shown = capsys.readouterr().out
    assert "PYSEC-2026-2" in shown
    assert "accepted until 2999-01-01: not reached" in shown


@pytest.mark.parametrize("case", ["other lock", "malware"])
def test_accepted_lock_does_not_cover_other_locks_or_malware(
    root: Path, service: Service, accept, case: str
) -> None:
    accept(lock=LOCALSTACK)
    if case == "malware":
        service.add_finding("mud", "MAL-2026-1")
    else:
        service.add_finding("mud", "PYSEC-2026-2")
        (root / "requirements/bench.lock").write_text("mud==0.1 \\\n")
    assert run_audit(root, service.options) == 1


def test_expired_acceptance_fails(
    root: Path, service: Service, accept, capsys: pytest.CaptureFixture[str]
) -> None:
    accept("2026-01-01", id="CVE-1")
    assert run_audit(root, service.options) == 1
    assert "CVE-1 was to be looked at again by 2026-01-01" in capsys.readouterr().out


def test_failing_service_is_an_error(root: Path, service: Service) -> None:
    service.broken = b"too busy"
    with pytest.raises(LocalError, match=r"nothing was audited.*500 Server Error") as error:
        run_audit(root, service.options)
    assert "\n" not in str(error.value)


def test_unreachable_service_is_an_error_with_a_hint(root: Path, service: Service) -> None:
    service.server_close()
    with pytest.raises(LocalError, match=r"nothing was audited.*Connection refused.*ARGS="):
        run_audit(root, service.options)
