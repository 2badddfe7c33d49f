"""Known vulnerabilities of the locks, and the SBOM of the one that production installs.

requirements/audit.toml has which findings are accepted until when.
"""

import json
import re
import subprocess
import tempfile
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from local.lake import split
from local.processes import LocalError, tell

PRODUCTION = "requirements.txt"
SBOM = ".local/sbom.cdx.json"
LOCKS = (
    PRODUCTION,
    *(f"requirements/{n}.lock" for n in ("dev", "localstack", "bench", "bootstrap", "audit")),
)
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)
MALICIOUS = "MAL-"  # OSV's ids of packages that are the attack themselves
OPTIONS = "--strict --no-deps --disable-pip --vulnerability-service osv --aliases on --desc off"


class Accepted(BaseModel):
    """One finding, or every finding in one lock and in no other."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str = Field(pattern=r"\S")
    look_again: date
    id: str = ""
    lock: str = ""

    @model_validator(mode="after")
    def has_an_id_or_a_lock(self) -> Self:
        if bool(self.id) == bool(self.lock) or self.lock not in {"", *LOCKS}:
            raise ValueError(f"an entry has an id, or one of the locks {', '.join(LOCKS)}")
        return self


def run_audit(root: Path, arguments: str) -> int:
    """Print every finding; 1 when one is not accepted, or an entry is past its date."""
    accepted = read_accepted(root / "requirements" / "audit.toml")
    program = root / ".venv-audit" / "bin" / "pip-audit"
    options = [*OPTIONS.split(), *split(arguments)]
    options += [f"--ignore-vuln={entry.id}" for entry in accepted if entry.id]
    reasons = {entry.lock: entry for entry in accepted if entry.lock}
    failed = False
    asked = set[tuple[str, str]]()
    # What another lock has too is not accepted with a lock: those are asked about last.
    for lock in sorted(LOCKS, key=reasons.__contains__):
        pins = set(PIN.findall((root / lock).read_text())) - asked
        asked |= pins
        tell(f"asking about {len(pins)} packages of {lock} ...")
        while pins:  # pip-audit takes one version of a package at a time
            versions = dict(sorted(pins))
            pins -= set(versions.items())
            found = _findings(program, versions, options)
            if found:
                print(f"{lock}\n{found}", flush=True)
            if found and lock in reasons and MALICIOUS not in found:
                print(f"accepted until {reasons[lock].look_again}: {reasons[lock].reason}")
            else:
                failed |= bool(found)
    for entry in accepted:
        if entry.look_again < datetime.now(UTC).date():
            failed = True
            print(
                f"audit.toml: {entry.id or entry.lock} was to be looked at again by "
                f"{entry.look_again}; look, then set a new date or remove it"
            )
    print("something needs a look" if failed else "nothing needs a look", flush=True)
    return int(failed)


def write_sbom(root: Path) -> int:
    """Write what production installs as CycloneDX; the tool validates the file."""
    program, sbom = root / ".venv-audit" / "bin" / "cyclonedx-py", root / SBOM
    sbom.unlink(missing_ok=True)
    sbom.parent.mkdir(exist_ok=True)
    options = ["--spec-version=1.6", "--output-reproducible", "--validate", f"--output-file={sbom}"]
    options += ["--pyproject=pyproject.toml", "--mc-type=application"]
    command = [str(program), "requirements", *options, PRODUCTION]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode or not sbom.exists():
        raise LocalError(f"no SBOM was written: {' '.join(done.stderr.split())[-300:]}")
    components = len(json.loads(sbom.read_text("utf-8"))["components"])
    tell(f"{SBOM} has the {components} packages of {PRODUCTION}")
    return 0


def read_accepted(path: Path) -> list[Accepted]:
    try:
        return [Accepted(**one) for one in tomllib.loads(path.read_text("utf-8"))["accepted"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalError(f"audit.toml cannot be read: {' '.join(str(error).split())}") from None


def _findings(program: Path, versions: dict[str, str], options: list[str]) -> str:
    """The table of pip-audit, or nothing."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.writelines(f"{name}=={version}\n" for name, version in versions.items())
        listing.flush()
        command = [str(program), "--requirement", listing.name, *options]
        done = subprocess.run(
            [*command, "--progress-spinner=off"], capture_output=True, text=True, check=False
        )
    if done.returncode and not done.stdout.strip():
        why = [line for line in done.stderr.splitlines() if ": " in line][-1:]
        raise LocalError(
            f"nothing was audited, because pip-audit got no answer: {''.join(why)}; run it where "
            "api.osv.dev can be reached, or ask PyPI: make audit "
            "ARGS='--vulnerability-service pypi'"
        )
    return done.stdout.strip()
