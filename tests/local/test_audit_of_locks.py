"""`make audit`, with the real pip-audit on a vulnerability service of our own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from local.audit import LOCKS, Accepted, Found, judge, pins_of, read_accepted, run_audit
from local.localstack import ROOT
from local.processes import LocalError

TODAY, LATER = date(2026, 11, 21), date(2999, 1, 1)
OLD_ENOUGH = ("--assume-old=.venv/installed", "--assume-old=.venv/bootstrapped")


class Service(ThreadingHTTPServer):
    """Answers as OSV does: {} where nothing is known."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Asked)
        self.known: dict[str, list[dict[str, Any]]] = {}
        self.asked: set[tuple[str, str]] = set()
        self.broken = b""
        self.options = f"--osv-url http://127.0.0.1:{self.server_port}/v1/query"

    def knows(self, package: str, *ids: str) -> None:
        events = [{"introduced": "0"}, {"fixed": "9.9.9"}]
        affected = {
            "package": {"name": package, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": events}],
        }
        self.known.setdefault(package, []).append(
            {"id": ids[0], "aliases": ids[1:], "summary": "it leaks", "affected": [affected]}
        )


class Asked(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name = query["package"]["name"]
        self.server.asked.add((name, query["version"]))
        known = self.server.known.get(name)
        body = self.server.broken or json.dumps({"vulns": known} if known else {}).encode()
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
    """A project of a few packages, which accepts nothing."""
    for lock in LOCKS:
        (tmp_path / lock).parent.mkdir(exist_ok=True)
        (tmp_path / lock).touch()
    tmp_path.joinpath(".venv-audit").symlink_to(environment)
    tmp_path.joinpath("requirements/audit.toml").write_text("accepted = []")
    tmp_path.joinpath("requirements.txt").write_text("water==1.0 \\\n    --hash=sha256:0\n")
    tmp_path.joinpath("requirements/localstack.lock").write_text(
        "mud[deep]==0.1 ; os_name == 'nt' \\\n"
    )
    return tmp_path


def entry(look_again: date = LATER, **names: str) -> Accepted:
    return Accepted(reason="not reached", look_again=look_again, **names)


def finding(*ids: str, package: str = "water", locks: tuple[str, ...] = (LOCKS[0],)) -> Found:
    return Found(package, "1.0", locks, ids, fixed_in="", description="it leaks")


def test_every_pinned_version_is_asked_about(
    root: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """The image's Python is not the laptop's: what a lock has for either is looked at."""
    root.joinpath("requirements.txt").write_text(
        "water==1.0 ; python_full_version < '3.12' \\\nwater==2.0 ; python_full_version >= '3.12'\n"
    )
    assert run_audit(root, service.options) == 0
    assert service.asked == {("water", "1.0"), ("water", "2.0"), ("mud", "0.1")}
    said = capsys.readouterr()
    assert said.out == "0 known vulnerabilities, 0 not accepted\n"
    assert said.err == "asking about 3 packages of 6 locks ...\n"


def test_a_finding_fails_and_says_what_where_and_which_version_helps(
    root: Path, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is accepted, by any of its ids, is shown too, with the reason."""
    service.knows("water", "PYSEC-2026-1", "CVE-2026-1")
    service.knows("mud", "PYSEC-2026-2", "CVE-2026-2")
    root.joinpath("requirements/audit.toml").write_text(
        '[[accepted]]\nid = "CVE-2026-2"\npackage = "mud"\n'
        'reason = "not reached"\nlook_again = 2999-01-01\n'
    )
    assert run_audit(root, service.options) == 1
    assert capsys.readouterr().out.splitlines() == [
        "mud 0.1 (requirements/localstack.lock): PYSEC-2026-2 CVE-2026-2, fixed in 9.9.9",
        "  it leaks",
        "  accepted until 2999-01-01: not reached",
        "water 1.0 (requirements.txt): PYSEC-2026-1 CVE-2026-1, fixed in 9.9.9",
        "  it leaks",
        "2 known vulnerabilities, 1 not accepted",
    ]


def test_what_is_accepted_in_one_package_is_not_in_another() -> None:
    accepted = [entry(id="CVE-1", package="water")]
    assert judge([finding("CVE-1")], accepted, TODAY)[1] == 0
    assert judge([finding("CVE-1"), finding("CVE-1", package="mud")], accepted, TODAY)[1] == 1
    assert judge([finding("CVE-1"), finding("CVE-2")], accepted, TODAY)[1] == 1


def test_a_date_that_has_passed_fails() -> None:
    """Nothing is accepted for ever: past its date an entry asks for a look."""
    accepted = [entry(TODAY, id="CVE-1", package="water")]
    assert judge([finding("CVE-1")], accepted, TODAY)[1] == 0
    lines, code = judge([finding("CVE-1")], accepted, TODAY + timedelta(days=1))
    assert code == 1
    assert any("CVE-1 in water was to be looked at again by 2026-11-21" in line for line in lines)


def test_an_entry_without_a_finding_fails() -> None:
    """When the package was upgraded, its exception goes too."""
    lines, code = judge([], [entry(id="CVE-1", package="water")], TODAY)
    assert code == 1
    assert any("CVE-1 in water is not found any more; remove it" in line for line in lines)


def test_a_lock_is_accepted_as_a_whole_but_nothing_beyond_it() -> None:
    """The exception ends where the package is in another lock too, or is itself the attack."""
    accepted, lock = [entry(lock="requirements/localstack.lock")], "requirements/localstack.lock"
    assert judge([], accepted, TODAY)[1] == 0
    assert judge([finding("CVE-1", locks=(lock,))], accepted, TODAY)[1] == 0
    assert judge([finding("CVE-1", locks=("requirements/bench.lock",))], accepted, TODAY)[1] == 1
    assert (
        judge([finding("CVE-1", locks=(lock, "requirements/bench.lock"))], accepted, TODAY)[1] == 1
    )
    assert judge([finding("GHSA-1", "MAL-1", locks=(lock,))], accepted, TODAY)[1] == 1


def test_a_service_that_fails_is_not_a_clean_bill(root: Path, service: Service) -> None:
    """An error of the service is one line."""
    service.broken = b"too busy"
    with pytest.raises(LocalError, match=r"nothing was audited.*500 Server Error") as error:
        run_audit(root, service.options)
    assert "\n" not in str(error.value)


def test_a_registry_without_advisories_is_not_a_clean_bill(root: Path) -> None:
    """pip-audit itself calls packages that its service does not know skipped, and is content."""
    answer = {"dependencies": [{"name": "water", "skip_reason": "not found"}]}
    root.joinpath(".venv-audit").unlink()
    program = root / ".venv-audit" / "bin" / "pip-audit"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    with pytest.raises(LocalError, match="the service does not know 2 of 2 packages, such as mud;"):
        run_audit(root, "")


def test_a_service_out_of_reach_is_one_line_that_says_what_to_do(
    environment: Path, service: Service
) -> None:
    """`make audit` fails, says why and what to do, and nothing looks like a result."""
    assert environment.exists()
    service.server_close()
    done = subprocess.run(
        ["make", "audit", f"ARGS={service.options}", *OLD_ENOUGH],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    error = next(line for line in done.stderr.splitlines() if line.startswith("error: "))
    assert "nothing was audited" in error
    assert "Connection refused" in error
    assert "make audit ARGS='--vulnerability-service pypi'" in error


@pytest.mark.parametrize(
    "text",
    [
        'id = "CVE-1"\nreason = "x"\nlook_again = 2999-01-01',
        'id = "A"\npackage = "b"\nlock = "requirements/audit.lock"\nreason = "x"\nlook_again = 2999-01-01',
        'lock = "requirements/audit.lock"\nreason = " "\nlook_again = 2999-01-01',
        'lock = "requirements/audit.lock"\nreason = []\nlook_again = 2999-01-01',
        'lock = "requirements/audti.lock"\nreason = "x"\nlook_again = 2999-01-01',
        'lock = "requirements/audit.lock"\nreason = "x"\nlook_again = "2999-01-01"',
        'lock = "requirements/audit.lock"\nreason = "x"',
        'lock = "requirements/audit.lock"\nreasons = "x"\nlook_again = 2999-01-01',
        "lock = ",
    ],
)
def test_a_list_that_is_not_well_formed_is_refused(tmp_path: Path, text: str) -> None:
    """A typing error switches no exception on, and none off, in silence."""
    (tmp_path / "audit.toml").write_text(f"[[accepted]]\n{text}\n")
    with pytest.raises(LocalError, match=r"^audit\.toml"):
        read_accepted(tmp_path / "audit.toml")


def test_a_list_that_is_missing_or_no_text_is_one_line(tmp_path: Path) -> None:
    """In a line, as one that is not text."""
    with pytest.raises(LocalError, match=r"^audit\.toml cannot be read: .*No such file"):
        read_accepted(tmp_path / "audit.toml")
    (tmp_path / "audit.toml").write_bytes(b"\xff")
    with pytest.raises(LocalError, match=r"^audit\.toml cannot be read: "):
        read_accepted(tmp_path / "audit.toml")


def test_our_own_list_is_well_formed() -> None:
    """Each entry names a package or a lock that is there, and says why in a sentence."""
    pinned = {name for name, _ in pins_of(ROOT)}
    entries = read_accepted(ROOT / "requirements" / "audit.toml")
    for each in entries:
        assert each.lock in LOCKS or each.package in pinned, str(each)
        assert len(each.reason.split()) >= 5, str(each)
    assert len({str(each) for each in entries}) == len(entries)
