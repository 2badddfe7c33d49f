"""The house rules that a reader relies on without looking, held over the source itself."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What each folder may import of the project and of Airflow; everything else points the wrong way.
MAY_IMPORT = {
    "include": {"include"},
    "plugins": {"include", "plugins", "airflow"},
    "dags": {"include", "plugins", "airflow"},
    "local": {"include", "local"},
}
# The stable faces of Airflow; everything else of it moves from release to release.
AIRFLOW_FACES = ("airflow.sdk", "airflow.providers.amazon")
LAKE = Path("include/first/lake.py")
# The last names what people download over HTTP; that is no key.
SPELLS_KEYS = {Path("include/first/keys.py"), LAKE, Path("include/vin_service/download.py")}
LOCAL_APIS = Path("fakes")
WRITES_TO_DELTA = {
    *("write_deltalake", "convert_to_deltalake", "create_write_transaction", "create_table"),
    *("optimize", "vacuum", "restore", "repair", "create_checkpoint", "cleanup_metadata"),
}
KEY_PARTS = re.compile(
    r"_delta_log|\.parquet|\.json\.gz|"
    r"(?:^|/|\b)(?:aggregates|ledger|quarantine|raw|reports|staging|table)/"
)
MOST_LINES = 300
OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:home|Users|root|work|mnt|workspace)/\w|\b[A-Z]:\\\w")
TEXT_FILES = {"", ".example", ".lock", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml"}
MADE = {"__pycache__", "s3_bucket", "s3_bucket_live"}
DRAWERS = {"base", "common", "helper", "helpers", "misc", "util", "utils"}


def modules(*folders: str) -> list[Path]:
    """The project's own modules, as paths from its root."""
    return [
        path.relative_to(ROOT)
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def tree_of(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def imports_of(module: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def names_in(module: Path) -> set[str]:
    """Every name, attribute and imported name of a module."""
    names: set[str] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.alias):
            names.add(node.name)
    return names


def texts_of(module: Path) -> Iterator[str]:
    """The string constants of a module, those inside f-strings too, without its docstrings."""
    tree = tree_of(module)
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


ALL = modules(*MAY_IMPORT)
PRODUCTION = [
    module for module in modules("include", "plugins", "dags") if LOCAL_APIS not in module.parents
]


def test_there_is_something_to_look_at() -> None:
    """Each folder that has rules has modules: a rule over nothing would always hold."""
    assert {module.parts[0] for module in ALL} == MAY_IMPORT.keys()
    assert LAKE in PRODUCTION


def test_imports_point_one_way() -> None:
    """From `dags/` to `plugins/` to `include/`, never back, and always from the project's root."""
    ours = {"airflow", "dags", "include", "local", "plugins", "tests"}
    for module in ALL:
        for imported in imports_of(module):
            top = imported.partition(".")[0]
            assert top, f"{module} has the relative import {imported}"
            assert top not in ours - MAY_IMPORT[module.parts[0]], f"{module} imports {imported}"


def test_airflow_is_known_by_its_stable_face() -> None:
    """Only `airflow.sdk` and the Amazon provider are used: the rest moves between releases."""
    for module in ALL:
        for imported in imports_of(module):
            if imported.partition(".")[0] == "airflow":
                assert imported.startswith(AIRFLOW_FACES), f"{module} imports {imported}"


def test_production_does_not_know_the_local_apis() -> None:
    """What runs in production imports nothing that only a laptop needs."""
    for module in PRODUCTION:
        for imported in imports_of(module):
            assert not imported.startswith("fakes"), f"{module} imports {imported}"


def test_only_the_lake_writes_to_delta() -> None:
    """Nothing but include/first/lake.py can change a Delta table: it alone has the library's writers."""
    for module in ALL:
        if module == LAKE:
            continue
        delta = {name for name in imports_of(module) if name.partition(".")[0] == "deltalake"}
        assert delta <= {"deltalake.exceptions"}, f"{module}: use include/first/lake.py instead"
        assert not names_in(module) & WRITES_TO_DELTA, (
            f"{module}: use include/first/lake.py instead"
        )


def test_one_function_commits() -> None:
    """Only `Lake.commit` adds versions with data, and delta-rs never retries a commit by itself."""
    tree = tree_of(LAKE)
    committing = [
        function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and any(
            isinstance(node, ast.Attribute) and node.attr == "create_write_transaction"
            for node in ast.walk(function)
        )
    ]
    assert committing == ["commit"]
    retries = [
        ast.unparse(keyword.value)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "CommitProperties"
        for keyword in call.keywords
        if keyword.arg == "max_commit_retries"
    ]
    assert set(retries) == {"0"}
    assert len(retries) == 3  # to create a table, to commit to it, to vacuum it


def test_keys_are_spelled_in_one_place() -> None:
    """Where things lie in the bucket is written in include/first/keys.py; the lake knows Delta's log."""
    spelled = {
        f"{module}: {text}"
        for module in PRODUCTION
        if module not in SPELLS_KEYS
        for text in texts_of(module)
        if KEY_PARTS.search(text)
    }
    assert not spelled, "give these a name in include/first/keys.py and use it"


def test_what_every_dag_does_alike_is_written_once() -> None:
    """Retries, the lake and the screen of a DAG are those of plugins/policy/every_dag.py."""
    for module in modules("dags"):
        assert "plugins.policy.every_dag" in set(imports_of(module)), module
        own = names_in(module) & {"ExceptionRetryPolicy", "LakeHook", "environ"}
        assert not own, f"{module}: use what plugins/policy/every_dag.py has"


def test_libraries_are_finished_and_quiet() -> None:
    """No assert guards data, nothing but a command prints, and nothing is left to be done."""
    for module in modules("include", "plugins"):
        source = (ROOT / module).read_text(encoding="utf-8")
        nodes = list(ast.walk(tree_of(module)))
        assert not [node.lineno for node in nodes if isinstance(node, ast.Assert)], module
        assert not re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", source), module
        if '__name__ == "__main__"' not in source:
            assert "print" not in names_in(module), module


def test_modules_are_small_and_say_what_they_are() -> None:
    """A module begins with a sentence on what it is, and is short enough to be read whole."""
    for module in ALL:
        assert ast.get_docstring(tree_of(module)), f"{module} does not say what it is"
        lines = (ROOT / module).read_text(encoding="utf-8").count("\n")
        assert lines <= MOST_LINES, f"{module} has {lines} lines"


def test_no_module_is_a_drawer() -> None:
    """No module is named for being shared, and no hook like a module of the standard library."""
    for module in ALL:
        assert module.stem not in DRAWERS, f"{module}: name it for what it holds"
        # Airflow's plugin loader would put such a hook in the library's place.
        assert module.parts[0] != "plugins" or module.stem not in sys.stdlib_module_names, module


def test_no_file_names_a_place_of_one_machine() -> None:
    """No file of the project holds a path that exists on one machine only."""
    found = [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in project_files()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if OF_A_MACHINE.search(line)
    ]
    assert not found


def test_locks_name_no_registry() -> None:
    """A lock holds names, versions and hashes; where packages come from is each machine's own."""
    locks = [*(ROOT / "requirements").glob("*.lock"), ROOT / "requirements.txt"]
    assert locks
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock.name
        assert "index-url" not in text, lock.name


def project_files() -> list[Path]:
    """Every text file of the project, as a path from its root; hidden folders are tools'."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".env"]
    for folder in ROOT.iterdir():
        if folder.is_dir() and (folder.name == ".ci" or folder.name[0] != "."):
            found += [path for path in folder.rglob("*") if path.is_file()]
    relative = (path.relative_to(ROOT) for path in sorted(found))
    return [path for path in relative if path.suffix in TEXT_FILES and not MADE & set(path.parts)]


def test_no_two_test_files_have_one_name() -> None:
    """Folders of tests are no packages, so that pytest would refuse the second one."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, number in names.items() if number > 1] == []
