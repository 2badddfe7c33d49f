"""Licenses, hashes, SBOM and images of third-party software."""

import json
import re
import uuid
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.utils import canonicalize_name

from local import audit
from local.audit import LOCKS, PIN, read_accepted
from local.processes import LocalError

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
# The environments that `make` installs, with the locks of each.
ENVIRONMENTS = {
    ".venv": ("requirements.txt", "requirements/dev.lock", "requirements/bootstrap.lock"),
    ".venv-localstack": ("requirements/localstack.lock",),
    ".venv-bench": ("requirements/bench.lock",),
    ".venv-audit": ("requirements/audit.lock",),
}
# License names that are not SPDX identifiers.
SPDX_OF = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Artistic License": "Artistic",
    "BSD License": "BSD",
    "GNU General Public License (GPL)": "GPL",
    "GNU General Public License v2 or later (GPLv2+)": "GPL",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}


def section(heading: str) -> str:
    return DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def tables(text: str) -> dict[str, list[str]]:
    """The table rows by package, their first cell."""
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", text, re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in rows}


def ids_in(expression: str) -> set[str]:
    return set(re.findall(r"[\w.+-]+", expression)) - {"AND", "OR", "WITH"}


PERMISSIVE = set(re.findall(r"`([^`]+)`", section("Licenses").partition("\n\n")[0]))
EXCEPTIONS = tables(section("Licenses"))

FROM_LICENSE_FILE = {"axe-playwright-python": "MIT"}


def license_of(package: Distribution) -> str:
    """The SPDX expression of a package, or else its license field, or else its classifiers."""
    metadata = package.metadata
    field = (metadata.get("License") or "").strip()
    classifiers = [
        SPDX_OF.get(name.rpartition(" :: ")[2], name)
        for name in metadata.get_all("Classifier", [])
        if name.startswith("License :: ") and name != "License :: OSI Approved"
    ]
    if expression := metadata.get("License-Expression"):
        return str(expression)
    if ids_in(field) and ids_in(field) <= PERMISSIVE:
        return field
    listed = " OR ".join(dict.fromkeys(classifiers)) or SPDX_OF.get(field, field)
    return listed or FROM_LICENSE_FILE.get(metadata["Name"], "")


def installed(environment: str) -> dict[str, Distribution]:
    (folder,) = (ROOT / environment).glob("lib/python3.*/site-packages")
    return {canonicalize_name(found.name): found for found in distributions(path=[str(folder)])}


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    if not (ROOT / request.param / "installed").exists():
        pytest.skip(f"{request.param} is not installed")
    return request.param


def test_every_license_is_allowed(environment: str) -> None:
    """docs/dependencies.md allows each license, in general or for the package."""
    packages = installed(environment)
    assert len(packages) > 20
    refused = {
        name: license_of(package)
        for name, package in packages.items()
        if not ids_in(license_of(package)) <= PERMISSIVE or not license_of(package)
        if EXCEPTIONS.get(name, [""])[0] != license_of(package)
    }
    assert refused == {}


def test_dependency_table_has_the_right_licenses(environment: str) -> None:
    packages = installed(environment)
    chosen = {
        name: row[0]
        for name, row in tables(DOCUMENT.partition("\n## Licenses\n")[0]).items()
        if name in packages
        if environment == ".venv" or f"`{ENVIRONMENTS[environment][0]}`" in " ".join(row)
    }
    assert chosen
    assert chosen == {name: license_of(packages[name]) for name in chosen}


def test_license_exceptions_are_still_needed() -> None:
    """Each package that is allowed by name is in a lock and has a reason."""
    assert len(PERMISSIVE) > 5
    pinned = {name for lock in LOCKS for name, _ in PIN.findall((ROOT / lock).read_text())}
    assert EXCEPTIONS.keys() <= pinned
    assert all(why for *_, why in EXCEPTIONS.values())


@pytest.mark.parametrize("lock", LOCKS)
def test_locked_packages_have_versions_and_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert PIN.match(entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


def test_every_lock_is_audited() -> None:
    assert set(re.findall(r"--output-file (\S+)", MAKEFILE)) == set(LOCKS)
    assert {lock for locks in ENVIRONMENTS.values() for lock in locks} == set(LOCKS)


@pytest.mark.parametrize(
    "text",
    [
        'reason = "x"\nlook_again = 2999-01-01',
        'id = "A"\nlock = "requirements/audit.lock"\nreason = "x"\nlook_again = 2999-01-01',
        'id = "A"\nreason = " "\nlook_again = 2999-01-01',
        'lock = "requirements/audti.lock"\nreason = "x"\nlook_again = 2999-01-01',
        'id = "A"\nreason = "x"\nlook_again = "2999-01-01"',
        'id = "A"\nreason = "x"',
        'id = "A"\nreasons = "x"\nlook_again = 2999-01-01',
        "lock = ",
    ],
)
def test_malformed_audit_list_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "audit.toml").write_text(f"[[accepted]]\n{text}\n")
    with pytest.raises(LocalError, match=r"^audit\.toml[^\n]*$"):
        read_accepted(tmp_path / "audit.toml")


def test_project_audit_list_is_valid() -> None:
    for each in read_accepted(ROOT / "requirements" / "audit.toml"):
        assert len(each.reason.split()) >= 5, each


@pytest.mark.slow
def test_sbom_has_every_production_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its version and one of its hashes."""
    if not (ROOT / ".venv-audit" / "installed").exists():
        pytest.skip(".venv-audit is not installed; `make sbom` does")
    sbom = f".local/sbom-of-test-{uuid.uuid4().hex}.json"
    monkeypatch.setattr(audit, "SBOM", sbom)
    try:
        audit.write_sbom(ROOT)
        found = json.loads((ROOT / sbom).read_text(encoding="utf-8"))
    finally:
        (ROOT / sbom).unlink(missing_ok=True)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["component"]["name"] == "headwaters"
    lock = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    listed = {(each["name"], each["version"]) for each in found["components"]}
    assert listed == set(PIN.findall(lock))
    for each in found["components"]:
        (hashes,) = [source["hashes"] for source in each["externalReferences"]]
        assert all(f"sha256:{one['content']}" in lock for one in hashes)


@pytest.mark.slow
def test_failed_sbom_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / ".venv-audit" / "installed").exists():
        pytest.skip(".venv-audit is not installed; `make sbom` does")
    monkeypatch.setattr(audit, "PRODUCTION", "requirements/none.txt")
    monkeypatch.setattr(audit, "SBOM", f".local/sbom-of-test-{uuid.uuid4().hex}.json")
    with pytest.raises(LocalError, match=r"no SBOM was written: .*none\.txt") as refused:
        audit.write_sbom(ROOT)
    assert "\n" not in str(refused.value)


def test_image_installs_only_wheels() -> None:
    """A build from source would fetch tools that are in no lock."""
    (line,) = re.findall(
        r"^RUN uv pip install .*$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert {"--no-build", "--require-hashes"} <= set(line.split())


def test_images_are_pinned_or_documented() -> None:
    """docs/dependencies.md lists each image without a digest."""
    services: dict[str, dict[str, Any]] = yaml.safe_load(
        (ROOT / "docker-compose.yaml").read_text()
    )["services"]
    images = {service["image"] for service in services.values()}
    images |= set(
        re.findall(r"^ARG BASE_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    )
    third_party = {image for image in images if not image.startswith("headwaters")}
    assert len(third_party) >= 3
    for image in third_party:
        assert re.fullmatch(r"[\w/.-]+:[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?", image), image
    unpinned = {image for image in third_party if "@" not in image}
    assert set(re.findall(r"`([\w/-]+:[\w.-]+)`", section("Images"))) == unpinned


def test_security_page_lists_every_published_port() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    published = {number for port in ports for number in re.findall(r":-(\d+)\}", port)}
    for settings in (ROOT / "deploy" / "compose").glob("*.env"):
        published |= set(re.findall(r"PORT:-(\d+)\}", settings.read_text()))
    assert len(published) >= 5
    document = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    table = document.partition("\n## What listens\n")[2].partition("\n\nIn containers")[0]
    listed = set(re.findall(r"\b\d{4}\b", table))
    assert listed == published
