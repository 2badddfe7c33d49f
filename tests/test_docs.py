"""Names, links, commands and messages in the documents exist in the code, and vice versa."""

import ast
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from airflow.dag_processing.dagbag import DagBag

from include.data.catalog import datasets
from include.data.dictionary import dictionary
from include.lake.store import Store
from include.vehicle_recalls.client import RecallsApi
from include.vehicle_recalls.pipeline import run
from include.vin_service.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DICTIONARY = ROOT / "docs" / "data-dictionary.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
    ROOT / "deploy" / "terraform" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
CODE = [
    *(
        path
        for folder in ("config", "dags", "include", "local", "plugins", "deploy", "fakes")
        for path in (ROOT / folder).rglob("*.py")
    ),
    *(ROOT / "deploy" / "terraform").glob("*.tf"),
    *(
        ROOT / name
        for name in ("Makefile", "pyproject.toml", ".env.example", "docker-compose.yaml")
    ),
    *(ROOT / "deploy" / "prometheus").glob("*.yml"),
]
FENCE = re.compile(r"^````?[^`]*?\n(.*?)^````?$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"``(.+?)``|`([^`\n]+)`")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MAKE = re.compile(r"\bmake ([a-z]+(?:-[a-z]+)*)\b")
VARIABLE = re.compile(r"\b(?:AIRFLOW_CONN|HEADWATERS|LAKE|RECALLS|VIN|VPIC)_[A-Z_]*[A-Z]\b")
# api_hook is the base of the others and opens no connection.
HOOKS = sorted(
    set((ROOT / "plugins" / "hooks").glob("*_hook.py")) - {ROOT / "plugins/hooks/api_hook.py"}
)


def named(document: Path) -> str:
    return str(document.relative_to(ROOT))


def prose_of(document: Path) -> str:
    return FENCE.sub("", document.read_text(encoding="utf-8"))


def quoted_in(text: str) -> list[str]:
    """The texts in backticks."""
    return [double or single for double, single in QUOTED.findall(text)]


def section(document: Path, heading: str) -> str:
    """The text under a heading, up to the next heading."""
    text = document.read_text(encoding="utf-8")
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"{named(document)} has no section {heading!r}"
    return found[1]


def rows_of(table: str) -> list[list[str]]:
    """The cells of the tables in a text, without header rows."""
    rows: list[list[str]] = []
    for line in table.splitlines():
        if line.startswith("| ---"):
            rows.pop()
        elif line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    explained = re.findall(r"^([a-z-]+):.*## .", text, re.MULTILINE)
    assert sorted(explained) == sorted(phony.split())
    return set(explained)


def source_texts() -> list[str]:
    """The string constants of the code; an f-string has several."""
    return [
        node.value
        for path in CODE
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.fixture(scope="module")
def dagbag() -> DagBag:
    return DagBag(str(ROOT / "dags"))


def test_data_dictionary_is_up_to_date() -> None:
    assert DICTIONARY.read_text(encoding="utf-8") == dictionary(), (
        "generate it: .venv/bin/python -m include.data.dictionary > docs/data-dictionary.md"
    )


@pytest.mark.parametrize("name", sorted(datasets()))
def test_data_dictionary_describes_every_column(name: str) -> None:
    dataset = datasets()[name]
    rows = rows_of(section(DICTIONARY, name))[: len(dataset.columns)]
    assert [quoted_in(row[0])[0] for row in rows] == dataset.names
    fields = [(quoted_in(row[2]) or quoted_in(row[0]))[0] for row in rows]
    assert fields == [column.field for column in dataset.columns]
    assert all(row[4] for row in rows)


def test_every_name_in_backticks_exists() -> None:
    """Decision records are exempt: they also name rejected designs."""
    code = "\n".join(path.read_text(encoding="utf-8") for path in CODE)
    words = set(re.findall(r"\w+", code))
    unknown = {
        f"{named(document)}: {quoted}"
        for document in DOCUMENTS
        if document.parent.name != "decisions" and document.name != "dependencies.md"
        for quoted in quoted_in(prose_of(document))
        if re.fullmatch(r"\w+(?:\.\w+)*(?:\(\))?", quoted)
        for word in re.findall(r"[^\W\d]\w+", quoted)
        if word not in words
        if not any((at / quoted).exists() for at in (ROOT, document.parent))
    }
    assert not unknown, "correct these names: they are in backticks but not in the code"


def test_every_file_in_backticks_exists() -> None:
    generated = {"s3_bucket", "s3_bucket_live", ".local"}
    tops = {path.name for path in ROOT.iterdir()} - generated
    missing = {
        f"{named(document)}: {quoted}"
        for document in DOCUMENTS
        for quoted in quoted_in(prose_of(document))
        if re.fullmatch(r"[\w.-]+(?:/[\w.-]*)+", quoted) and quoted.partition("/")[0] in tops
        if not (ROOT / quoted).exists()
    }
    assert not missing, "correct these paths: they are in backticks but do not exist"


def test_relative_links_and_anchors_exist() -> None:
    broken = []
    for document in [*DOCUMENTS, ROOT / "CONTRIBUTING.md"]:
        for link in LINK.findall(prose_of(document)):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path).resolve() if path else document
            if not target.exists() or (anchor and anchor not in anchors_of(target)):
                broken.append(f"{named(document)}: {link}")
    assert not broken


def anchors_of(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose_of(document), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_names_every_make_target() -> None:
    quoted = "\n".join(quoted_in(section(README, "Targets")))
    assert set(MAKE.findall(quoted)) == targets()


def test_every_make_command_exists(dagbag: DagBag) -> None:
    """Also every DAG and CONF in such a command is valid."""
    pages = [(dag_id, dag.doc_md or "") for dag_id, dag in dagbag.dags.items()]
    texts = [
        (named(path), path.read_text(encoding="utf-8"))
        for path in [*DOCUMENTS, ROOT / ".env.example"]
    ]
    for where, text in [*texts, *pages]:
        shown = [quoted for quoted in quoted_in(FENCE.sub("", text)) if quoted.startswith("make ")]
        shown += [line for fence in FENCE.findall(text) for line in fence.splitlines()]
        for command in shown:
            if not command.startswith("make "):
                continue
            assert set(command.split()[1:2]) <= targets(), f"{where}: {command}"
            if found := re.search(r"DAG=(\w+)(?: CONF='(.*)')?", command):
                params = dagbag.dags[found[1]].params
                for name, value in json.loads(found[2] or "{}").items():
                    params.get_param(name).resolve(value)


def test_every_python_m_module_exists() -> None:
    for document in DOCUMENTS:
        for module in re.findall(r"python -m ([\w.]+)", document.read_text(encoding="utf-8")):
            assert importlib.util.find_spec(module), f"{named(document)}: {module}"


def test_readme_shows_the_commands_of_ci() -> None:
    ci = re.findall(r"^make .*$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)
    readme = README.read_text(encoding="utf-8")
    (sentence,) = re.findall(r"^CI runs .*$", readme, re.MULTILINE)
    assert [quoted for quoted in quoted_in(sentence) if quoted.startswith("make")] == ci
    shown = [line for fence in FENCE.findall(readme) for line in fence.splitlines()]
    assert [line for line in shown if line.startswith("make ")] == ["make run", "make test"]


def default_connection(hook: Path) -> tuple[str, str]:
    """The default connection of a hook, and its type."""
    module = importlib.import_module(f"plugins.hooks.{hook.stem}")
    (opens,) = (
        member
        for member in vars(module).values()
        if getattr(member, "__module__", "") == module.__name__
        and hasattr(member, "default_conn_name")
    )
    return opens.default_conn_name, opens.conn_type


def test_readme_and_example_have_every_connection() -> None:
    hooks = dict(default_connection(hook) for hook in HOOKS)
    assert len(hooks) > 1
    table = rows_of(section(README, "Connections"))
    assert {quoted_in(row[0])[0]: row[1] for row in table} == hooks, (
        "README.md, Connections: a row for each hook of plugins/hooks/, with its conn_type"
    )
    example = connections_of_example()
    hooks.pop("lake")  # the example configures the lake by LAKE_BUCKET and AWS_*
    assert example.keys() == {f"AIRFLOW_CONN_{name.upper()}" for name in hooks}, (
        ".env.example: a line `# AIRFLOW_CONN_...='{...}'` for each hook of plugins/hooks/"
    )
    for name, conn_type in hooks.items():
        assert example[f"AIRFLOW_CONN_{name.upper()}"]["conn_type"] == conn_type


def connection_variables() -> set[str]:
    names = {default_connection(hook)[0] for hook in HOOKS} - {"lake"}
    return {f"AIRFLOW_CONN_{name.upper()}" for name in names}


def connections_of_example() -> dict[str, dict[str, Any]]:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    found = re.findall(r"^# (AIRFLOW_CONN_\w+)='(.*)'$", text, re.MULTILINE)
    return {name: json.loads(value) for name, value in found}


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook.stem)
def test_readme_and_example_have_every_extra(hook: Path) -> None:
    name, conn_type = default_connection(hook)
    if conn_type == "aws":
        return  # the AWS provider defines its extra
    source = hook.read_text(encoding="utf-8")
    read = set(re.findall(r'extra\.get\("(\w+)"', source))
    extra = getattr(importlib.import_module(f"plugins.hooks.{hook.stem}"), "Extra", None)
    read |= set(extra.__struct_fields__ if extra else ())
    assert connections_of_example()[f"AIRFLOW_CONN_{name.upper()}"].get("extra", {}).keys() == read
    rows = [row for row in rows_of(section(README, "Connections")) if f"`{name}`" == row[0]]
    assert rows, f"README.md, Connections: add a row for {name}"
    (row,) = rows
    assert set(quoted_in(row[2])) - {"host", "login", "password"} == read


def test_documents_name_every_environment_variable() -> None:
    read = set(VARIABLE.findall("\n".join(source_texts())))
    read |= {name.upper() for name in Settings.model_fields} | connection_variables()
    texts = [path.read_text(encoding="utf-8") for path in [*DOCUMENTS, ROOT / ".env.example"]]
    assert set(VARIABLE.findall("\n".join(texts))) == read, (
        ".env.example and the documents must name exactly the variables of the code"
    )


def test_example_has_exactly_the_known_settings() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    shown = set(re.findall(r"^# ([A-Z][A-Z0-9_]*)=", example, re.MULTILINE))
    compose = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
    of_compose = set(re.findall(r"\$\{(\w+)", compose))
    of_profiles = {
        name
        for path in (ROOT / "deploy" / "compose").glob("*.env")
        for name in re.findall(r"^(\w+)=", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert of_compose - of_profiles <= shown
    of_code = {text for text in source_texts() if re.fullmatch(r"[A-Z][A-Z0-9_]+", text)}
    of_code |= connection_variables()
    assert shown <= of_compose | of_code


def test_one_page_names_each_dag_with_its_params(dagbag: DagBag) -> None:
    pages = [set(quoted_in(path.read_text(encoding="utf-8"))) for path in DOCUMENTS]
    for dag_id, dag in dagbag.dags.items():
        assert any({dag_id, *dag.params} <= quoted for quoted in pages), (
            f"no page of docs/ names all of these in backticks: {dag_id}, {', '.join(dag.params)}"
        )


def test_readme_lists_every_dag(dagbag: DagBag) -> None:
    rows = rows_of(section(README, "All pipelines"))
    listed = {name for row in rows for name in quoted_in(row[0])}
    assert listed == set(dagbag.dags), "README.md, All pipelines: add a row for each DAG"


def test_diagram_and_architecture_page_name_every_task(dagbag: DagBag) -> None:
    tasks = {task.task_id.rpartition(".")[2] for task in dagbag.dags["vehicle_recalls"].tasks}
    diagram = ET.parse(ROOT / "docs" / "architecture.svg")  # noqa: S314 - our own file
    assert tasks <= {text.strip() for text in diagram.getroot().itertext()}
    description = section(ROOT / "docs" / "architecture.md", "The life of one recall")
    assert set(re.findall(r"\*\*(\w+)\*\*", description)) == tasks


def test_every_runbook_symptom_is_a_message_of_the_code() -> None:
    messages = source_texts()
    known = [*messages, "Invalid input for param years: "]  # the last is from Airflow
    for heading in ("The API", "Checks", "The lake", "Starting a run"):
        rows = rows_of(section(RUNBOOK, heading))
        assert rows
        for row in rows:
            for part in filter(None, "…".join(quoted_in(row[0])).split("…")):
                assert any(part.strip() in message for message in known), row[0]


def test_runbook_explains_every_part_of_a_receipt(store: Store, recalls_url: str) -> None:
    receipt = run(lambda: RecallsApi(recalls_url), store)
    receipt = {n: v for n, v in receipt.items() if n not in {"version", "outcome"}}
    rows = rows_of(section(RUNBOOK, "Read a receipt"))
    assert sorted(name for row in rows for name in quoted_in(row[0])) == sorted(receipt)
    rows = rows_of(section(RUNBOOK, "Checks"))
    explained = [quoted_in(row[0])[0].removesuffix("…") for row in rows]
    for check in receipt["checks"]:
        assert any(name in check["name"] for name in explained), check


def test_every_dependency_is_listed_with_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    separate = [
        name for group in ("bootstrap", "localstack", "bench", "audit") for name in groups[group]
    ]
    document = ROOT / "docs" / "dependencies.md"
    for heading, expected in (
        ("The project (`requirements.txt`)", project["project"]["dependencies"]),
        ("Work on the project (`requirements/dev.lock`)", groups["dev"]),
        ("Installed apart, each from a lock of its own", separate),
    ):
        rows = rows_of(section(document, heading))
        names = sorted(name for row in rows for name in quoted_in(row[0]))
        assert names == sorted(re.split(r"[\[=<>~]", name)[0] for name in expected)
        assert all(row[-1] for row in rows)
