"""The locks against the known vulnerabilities; audit.toml has what is accepted, and until when."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import shorten
from typing import Any

from local.lake_shell import split
from local.processes import LocalError, tell

LOCKS = (
    "requirements.txt",
    "requirements/dev.lock",
    "requirements/localstack.lock",
    "requirements/bench.lock",
    "requirements/bootstrap.lock",
    "requirements/audit.lock",
)
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
MALICIOUS = "MAL-"  # OSV's ids of packages that are the attack themselves

Pin = tuple[str, str]  # name, version


@dataclass(frozen=True)
class Accepted:
    """One finding in one package, or whatever is found in one lock and in no other."""

    reason: str
    look_again: date
    id: str = ""
    package: str = ""
    lock: str = ""

    def __post_init__(self) -> None:
        if (bool(self.id), bool(self.package)) != (not self.lock, not self.lock):
            raise LocalError(f"audit.toml: an entry has an id and a package, or a lock: {self}")
        if self.lock and self.lock not in LOCKS:
            raise LocalError(f"audit.toml: {self.lock} is none of the locks {', '.join(LOCKS)}")
        if type(self.look_again) is not date or not (
            isinstance(self.reason, str) and self.reason.strip()
        ):
            raise LocalError(f"audit.toml: an entry has a reason, and a date to look again: {self}")

    def covers(self, found: Found) -> bool:
        if self.lock:
            return found.locks == (self.lock,) and not found.is_malicious()
        return self.package == found.package and self.id in found.ids

    def __str__(self) -> str:
        return self.lock or f"{self.id} in {self.package}"


@dataclass(frozen=True)
class Found:
    package: str
    version: str
    locks: tuple[str, ...]
    ids: tuple[str, ...]
    fixed_in: str
    description: str

    def is_malicious(self) -> bool:
        return any(known_as.startswith(MALICIOUS) for known_as in self.ids)

    def __str__(self) -> str:
        fix = f"fixed in {self.fixed_in}" if self.fixed_in else "not fixed yet"
        where = f"{self.package} {self.version} ({', '.join(self.locks)})"
        return f"{where}: {' '.join(self.ids)}, {fix}\n  {shorten(self.description, 110)}"


def run_audit(root: Path, arguments: str) -> int:
    """Print every finding; 1 when one is not accepted, or an entry of audit.toml needs a look."""
    accepted = read_accepted(root / "requirements" / "audit.toml")
    pins = pins_of(root)
    tell(f"asks about {len(pins)} packages of {len(LOCKS)} locks ...", sys.stderr)
    found = list(_ask(root / ".venv-audit" / "bin" / "pip-audit", pins, split(arguments)))
    lines, code = judge(found, accepted, datetime.now(UTC).date())
    for line in lines:
        tell(line, sys.stdout)
    return code


def read_accepted(path: Path) -> list[Accepted]:
    try:
        text = path.read_text(encoding="utf-8")
        return [Accepted(**entry) for entry in tomllib.loads(text)["accepted"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalError(f"audit.toml cannot be read: {error}") from error


def pins_of(root: Path) -> dict[Pin, tuple[str, ...]]:
    """Each version that a lock pins, for whichever Python and system, and the locks that do."""
    locks: dict[Pin, tuple[str, ...]] = {}
    for lock in LOCKS:
        for pin in dict.fromkeys(PIN.findall((root / lock).read_text())):
            locks[pin] = (*locks.get(pin, ()), lock)
    return locks


def judge(
    found: Sequence[Found], accepted: Sequence[Accepted], today: date
) -> tuple[list[str], int]:
    """The report, and 0 when nothing in it asks for a person."""
    lines, open_ones = [], 0
    for finding in sorted(found, key=str):
        lines.append(str(finding))
        cover = next((entry for entry in accepted if entry.covers(finding)), None)
        if cover:
            lines.append(f"  accepted until {cover.look_again}: {cover.reason}")
        open_ones += not cover
    old = [
        f"audit.toml: {entry} was to be looked at again by {entry.look_again}; look, then set a "
        f"new date or remove it"
        for entry in accepted
        if entry.look_again < today
    ] + [
        f"audit.toml: {entry} is not found any more; remove it"
        for entry in accepted
        if entry.id and not any(entry.covers(finding) for finding in found)
    ]
    lines += [*old, f"{len(found)} known vulnerabilities, {open_ones} not accepted"]
    return lines, int(bool(open_ones or old))


def _ask(program: Path, pins: dict[Pin, tuple[str, ...]], arguments: list[str]) -> Iterator[Found]:
    left = set(pins)
    while left:  # pip-audit takes one version of a package at a time
        asked = dict(sorted(left))
        left -= set(asked.items())
        for package in _answers(program, asked, arguments):
            name, version = package["name"], package["version"]
            for known in package["vulns"]:
                yield Found(
                    package=name,
                    version=version,
                    locks=pins[name, version],
                    ids=(known["id"], *sorted(known["aliases"])),
                    fixed_in=", ".join(known["fix_versions"]),
                    description=known["description"],
                )


def _answers(program: Path, asked: dict[str, str], arguments: list[str]) -> list[dict[str, Any]]:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.writelines(f"{name}=={version}\n" for name, version in asked.items())
        listing.flush()
        command = [
            str(program),
            *("--requirement", listing.name, "--no-deps", "--disable-pip"),
            *("--vulnerability-service", "osv", "--format", "json", "--progress-spinner", "off"),
            *arguments,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        answers: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        why = [line for line in done.stderr.splitlines() if ": " in line][-1:]
        raise LocalError(
            f"nothing was audited, for pip-audit got no answer: {''.join(why)}; "
            "run it where api.osv.dev can be reached, or ask PyPI: "
            "make audit ARGS='--vulnerability-service pypi'"
        ) from None
    unknown = sorted(set(asked) - {answer["name"] for answer in answers if "vulns" in answer})
    if unknown:
        raise LocalError(
            f"nothing was audited, for {len(unknown)} of {len(asked)} packages are not known to "
            f"the service, {unknown[0]} is one; a mirror that has no advisories answers so"
        )
    return answers
