"""What others made and we bring: licences, hashes, images."""

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
# The environments that make installs, and the locks that are in each.
ENVIRONMENTS = {
    ".venv": ("requirements.txt", "requirements/dev.lock", "requirements/bootstrap.lock"),
    ".venv-localstack": ("requirements/localstack.lock",),
    ".venv-bench": ("requirements/bench.lock",),
    ".venv-audit": ("requirements/audit.lock",),
}
# What packages write that name no licence as SPDX does.
SPELT = {
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
    """The rows of the tables, by the package that they begin with."""
    rows = re.findall(r"^\| `([\w-]+)` \| (.+) \|$", text, re.MULTILINE)
    return {name: rest.split(" | ") for name, rest in rows}


def ids_in(licence: str) -> set[str]:
    return set(re.findall(r"[\w.+-]+", licence)) - {"AND", "OR", "WITH"}


PERMISSIVE = set(re.findall(r"`([^`]+)`", section("Licenses").partition("\n\n")[0]))
OTHERS = tables(section("Licenses"))


# Only their LICENSE file names it.
UNSAID = {"axe-playwright-python": "MIT"}


def licence_of(package: Distribution) -> str:
    """As the package says it: an SPDX expression, or else its field, or else its classifiers."""
    said = package.metadata
    field = (said.get("License") or "").strip()
    classifiers = [
        SPELT.get(name.rpartition(" :: ")[2], name)
        for name in said.get_all("Classifier", [])
        if name.startswith("License :: ") and name != "License :: OSI Approved"
    ]
    if expression := said.get("License-Expression"):
        return str(expression)
    if ids_in(field) and ids_in(field) <= PERMISSIVE:
        return field
    listed = " OR ".join(dict.fromkeys(classifiers)) or SPELT.get(field, field)
    return listed or UNSAID.get(said["Name"], "")


def installed(environment: str) -> dict[str, Distribution]:
    (folder,) = (ROOT / environment).glob("lib/python3.*/site-packages")
    return {canonicalize_name(found.name): found for found in distributions(path=[str(folder)])}


@pytest.fixture(params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    if not (ROOT / request.param / "installed").exists():
        pytest.skip(f"{request.param} is not installed; its make target does")
    return request.param


def test_every_licence_is_one_that_we_chose(environment: str) -> None:
    """A package under a licence that docs/dependencies.md does not allow, or not for it, fails."""
    packages = installed(environment)
    assert len(packages) > 20
    refused = {
        name: licence_of(package)
        for name, package in packages.items()
        if not ids_in(licence_of(package)) <= PERMISSIVE or not licence_of(package)
        if OTHERS.get(name, [""])[0] != licence_of(package)
    }
    assert refused == {}


def test_the_table_of_dependencies_has_each_licence(environment: str) -> None:
    """The column says what the package itself says, for each that we chose."""
    packages = installed(environment)
    chosen = {
        name: row[0]
        for name, row in tables(DOCUMENT.partition("\n## Licenses\n")[0]).items()
        if name in packages
        if environment == ".venv" or f"`{ENVIRONMENTS[environment][0]}`" in " ".join(row)
    }
    assert chosen
    assert chosen == {name: licence_of(packages[name]) for name in chosen}


def test_no_exception_outlives_its_package() -> None:
    """Each package that is allowed by name is in a lock, with the reason."""
    assert len(PERMISSIVE) > 5
    pinned = {name for lock in LOCKS for name, _ in PIN.findall((ROOT / lock).read_text())}
    assert OTHERS.keys() <= pinned
    assert all(why for *_, why in OTHERS.values())


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_a_version_and_hashes(lock: str) -> None:
    """No line of a lock is left to what a registry has today."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = re.split(r"^(?=[^\s#])", text, flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert PIN.match(entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry), entry


def test_every_lock_is_audited() -> None:
    """What `make lock` writes is what `make audit` asks about."""
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
def test_a_list_that_is_not_well_formed_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "audit.toml").write_text(f"[[accepted]]\n{text}\n")
    with pytest.raises(LocalError, match=r"^audit\.toml[^\n]*$"):
        read_accepted(tmp_path / "audit.toml")


def test_our_own_list_is_well_formed() -> None:
    for each in read_accepted(ROOT / "requirements" / "audit.toml"):
        assert len(each.reason.split()) >= 5, each


@pytest.mark.slow
def test_sbom_has_every_package_that_production_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its version and one of its hashes, under the name of this project."""
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
def test_sbom_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / ".venv-audit" / "installed").exists():
        pytest.skip(".venv-audit is not installed; `make sbom` does")
    monkeypatch.setattr(audit, "PRODUCTION", "requirements/none.txt")
    monkeypatch.setattr(audit, "SBOM", f".local/sbom-of-test-{uuid.uuid4().hex}.json")
    with pytest.raises(LocalError, match=r"no SBOM was written: .*none\.txt") as refused:
        audit.write_sbom(ROOT)
    assert "\n" not in str(refused.value)


def test_the_image_takes_wheels_only() -> None:
    """To build from source would fetch tools that are in no lock."""
    (line,) = re.findall(
        r"^RUN uv pip install .*$", (ROOT / "Dockerfile").read_text(), re.MULTILINE
    )
    assert {"--no-build", "--require-hashes"} <= set(line.split())


def test_images_are_pinned_or_the_document_says_which_are_not() -> None:
    """Each image of others has a digest or is named as one whose digest is not known."""
    services: dict[str, dict[str, Any]] = yaml.safe_load(
        (ROOT / "docker-compose.yaml").read_text()
    )["services"]
    images = {service["image"] for service in services.values()}
    images |= set(
        re.findall(r"^ARG BASE_IMAGE=(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    )
    theirs = {image for image in images if not image.startswith("headwaters")}
    assert len(theirs) >= 3
    for image in theirs:
        assert re.fullmatch(r"[\w/.-]+:[\w.-]*\d[\w.-]*(@sha256:[0-9a-f]{64})?", image), image
    unpinned = {image for image in theirs if "@" not in image}
    assert set(re.findall(r"`([\w/-]+:[\w.-]+)`", section("Images"))) == unpinned


def test_every_port_that_containers_publish_is_told() -> None:
    """SECURITY.md lists what listens; the compose file has no port that it does not name."""
    services = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", [])]
    published = {number for port in ports for number in re.findall(r":-(\d+)\}", port)}
    for settings in (ROOT / "deploy" / "compose").glob("*.env"):
        published |= set(re.findall(r"PORT:-(\d+)\}", settings.read_text()))
    assert len(published) >= 5
    told = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    table = told.partition("\n## What listens\n")[2].partition("\n\nIn containers")[0]
    listed = set(re.findall(r"\b\d{4}\b", table))
    assert listed == published
