"""Known vulnerabilities of the locks; requirements/audit.toml has what is accepted until when."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import shorten
from typing import Any, NamedTuple

from local.lake import split
from local.processes import LocalError, tell

LOCKS = (
    "requirements.txt",
    *(f"requirements/{n}.lock" for n in ("dev", "localstack", "bench", "bootstrap", "audit")),
)
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
MALICIOUS = "MAL-"  # OSV's ids of packages that are the attack themselves

Pin = tuple[str, str]  # name, version


class Accepted(NamedTuple):
    """One finding in one package, or every finding in one lock and in no other."""

    reason: str
    look_again: date
    id: str = ""
    package: str = ""
    lock: str = ""

    def covers(self, found: Found) -> bool:
        if self.lock:
            return found.locks == (self.lock,) and not any(
                one.startswith(MALICIOUS) for one in found.ids
            )
        return self.package == found.package and self.id in found.ids

    def __str__(self) -> str:
        return self.lock or f"{self.id} in {self.package}"


class Found(NamedTuple):
    package: str
    version: str
    locks: tuple[str, ...]
    ids: tuple[str, ...]
    fixed_in: str
    description: str

    def __str__(self) -> str:
        fix = f"fixed in {self.fixed_in}" if self.fixed_in else "not fixed yet"
        where = f"{self.package} {self.version} ({', '.join(self.locks)})"
        return f"{where}: {' '.join(self.ids)}, {fix}\n  {shorten(self.description, 110)}"


def run_audit(root: Path, arguments: str) -> int:
    """Print every finding; 1 when one is not accepted, or an entry of audit.toml needs a look."""
    accepted = read_accepted(root / "requirements" / "audit.toml")
    pins = pins_of(root)
    tell(f"asking about {len(pins)} packages of {len(LOCKS)} locks ...")
    found = list(_ask(root / ".venv-audit" / "bin" / "pip-audit", pins, split(arguments)))
    lines, code = judge(found, accepted, datetime.now(UTC).date())
    print(*lines, sep="\n", flush=True)
    return code


def read_accepted(path: Path) -> list[Accepted]:
    try:
        entries = [Accepted(**one) for one in tomllib.loads(path.read_text("utf-8"))["accepted"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalError(f"audit.toml cannot be read: {error}") from None
    for entry in entries:
        one_finding = bool(entry.id and entry.package and not entry.lock)
        one_lock = entry.lock in LOCKS and not entry.id and not entry.package
        explained = isinstance(entry.reason, str) and entry.reason.strip()
        if not (one_finding or one_lock) or not explained or type(entry.look_again) is not date:
            raise LocalError(
                "audit.toml: an entry has a reason, a date to look again, and an id and a package, "
                f"or one of the locks {', '.join(LOCKS)}: {entry!r}"
            )
    return entries


def pins_of(root: Path) -> dict[Pin, tuple[str, ...]]:
    """Each version that a lock pins, for any Python and system, with its locks."""
    locks: dict[Pin, tuple[str, ...]] = {}
    for lock in LOCKS:
        for pin in dict.fromkeys(PIN.findall((root / lock).read_text())):
            locks[pin] = (*locks.get(pin, ()), lock)
    return locks


def judge(
    found: Sequence[Found], accepted: Sequence[Accepted], today: date
) -> tuple[list[str], int]:
    """The report, and 0 when nothing in it needs a person."""
    lines, open_ones = [], 0
    for finding in sorted(found, key=str):
        lines.append(str(finding))
        cover = next((entry for entry in accepted if entry.covers(finding)), None)
        if cover:
            lines.append(f"  accepted until {cover.look_again}: {cover.reason}")
        open_ones += not cover
    outdated = []
    for entry in accepted:
        if entry.look_again < today:
            outdated.append(
                f"audit.toml: {entry} was to be looked at again by {entry.look_again}; "
                "look, then set a new date or remove it"
            )
        if entry.id and not any(entry.covers(finding) for finding in found):
            outdated.append(f"audit.toml: {entry} is not found any more; remove it")
    lines += [*outdated, f"{len(found)} known vulnerabilities, {open_ones} not accepted"]
    return lines, int(bool(open_ones or outdated))


def _ask(program: Path, pins: dict[Pin, tuple[str, ...]], arguments: list[str]) -> Iterator[Found]:
    left = set(pins)
    while left:  # pip-audit takes one version of a package at a time
        asked = dict(sorted(left))
        left -= set(asked.items())
        for package in _answers(program, asked, arguments):
            name, version = package["name"], package["version"]
            for known in package["vulns"]:
                ids = (known["id"], *sorted(known["aliases"]))
                fixed_in = ", ".join(known["fix_versions"])
                locks = pins[name, version]
                yield Found(name, version, locks, ids, fixed_in, known["description"])


def _answers(program: Path, asked: dict[str, str], arguments: list[str]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.writelines(f"{name}=={version}\n" for name, version in asked.items())
        listing.flush()
        fixed = "--no-deps --disable-pip --vulnerability-service osv --format json"
        command = [str(program), "--requirement", listing.name, *fixed.split(), *arguments]
        done = subprocess.run(
            [*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False
        )
    try:
        answers: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        why = [line for line in done.stderr.splitlines() if ": " in line][-1:]
        raise LocalError(
            f"nothing was audited, because pip-audit got no answer: {''.join(why)}; run it where "
            "api.osv.dev can be reached, or ask PyPI: make audit "
            "ARGS='--vulnerability-service pypi'"
        ) from None
    unknown = sorted(set(asked) - {answer["name"] for answer in answers if "vulns" in answer})
    if unknown:
        raise LocalError(
            f"nothing was audited, because the service does not know {len(unknown)} of "
            f"{len(asked)} packages, such as {unknown[0]}; a mirror without advisories answers so"
        )
    return answers
