"""The source code follows the project's rules."""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Which of the project's folders, and whether Airflow, each folder may import.
MAY_IMPORT = {
    "include": {"include"},
    "plugins": {"include", "plugins", "airflow"},
    "dags": {"include", "plugins", "airflow"},
    "fakes": {"fakes"},
    "local": {"include", "plugins", "local", "fakes"},  # plugins: `make doctor` opens connections
    "examples": {"include", "plugins", "airflow"},
}
FOLDERS = {*MAY_IMPORT, "airflow", "benchmarks", "deploy", "tests"}
# Airflow's stable interface; the rest changes from release to release.
AIRFLOW = ("airflow.sdk", "airflow.providers.")
# A UI page is registered with the first and protected by the second.
FOR_UI_PLUGINS = ("airflow.plugins_manager", "airflow.api_fastapi.core_api.security")
WRITES_TO_DELTA = {"create_write_transaction", "write_deltalake", "optimize", "restore", "repair"}
USES_DELTA = {Path("include/lake/table.py"), Path("include/cli/prune.py")}
PIPELINE_FILES = {"contract.py", "pipeline.py", "transform.py"}
MAX_LINES = 220
LOCAL_PATH = re.compile(r"(?<![\w.])/(?:home|Users|root|work|mnt|workspace)/\w|\b[A-Z]:\\\w")
TEXT_FILES = {
    *("", ".example", ".j2", ".lock", ".md", ".py", ".svg", ".toml", ".txt", ".yaml", ".yml"),
}
GENERATED = {"__pycache__", "s3_bucket", "s3_bucket_live"}
VAGUE = {"base", "common", "helper", "helpers", "misc", "util", "utils"}
OLD_WORDS = re.compile(r"\b(Hopeless|overtaken|handshake|let_others_pass|at_once|OtherSource)\b")


def modules(*folders: str) -> list[Path]:
    return [
        path.relative_to(ROOT)
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


ALL = modules(*MAY_IMPORT)
PRODUCT = modules("include", "plugins", "dags", "examples")


def tree_of(module: Path) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


def imports_of(module: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def names_in(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    return names


def test_every_folder_with_rules_has_modules() -> None:
    assert {module.parts[0] for module in ALL} == MAY_IMPORT.keys()
    assert set(PRODUCT) > USES_DELTA


def test_imports_point_one_way() -> None:
    """From dags to plugins to include, and never to the fakes."""
    for module in ALL:
        for imported in imports_of(module):
            top = imported.partition(".")[0]
            assert top, f"{module} has the relative import {imported}"
            assert top not in FOLDERS - MAY_IMPORT[module.parts[0]], f"{module} imports {imported}"


def test_product_uses_only_the_stable_airflow_interface() -> None:
    for module in PRODUCT:
        for imported in imports_of(module):
            if imported.partition(".")[0] == "airflow":
                stable = AIRFLOW + (FOR_UI_PLUGINS if module.parts[:2] == ("plugins", "ui") else ())
                assert imported.startswith(stable), f"{module} imports {imported}"


def test_imports_have_no_cycle() -> None:
    """Includes imports inside functions."""
    names = {".".join(module.with_suffix("").parts): module for module in modules("include")}
    graph = {name: names.keys() & set(imports_of(module)) for name, module in names.items()}
    order = TopologicalSorter(graph)
    order.prepare()  # CycleError names the cycle


def test_core_imports_no_pipeline() -> None:
    pipelines = {path.parent.name for path in (ROOT / "include").glob("*/contract.py") if path}
    for module in modules("include/lake", "include/http"):
        known = {name.split(".")[1] for name in imports_of(module) if name.startswith("include.")}
        assert not known & (pipelines - {"data"}), module


def test_only_one_function_commits() -> None:
    committing = [
        (module, function.name)
        for module in PRODUCT
        for function in ast.walk(tree_of(module))
        if isinstance(function, ast.FunctionDef)
        and any(
            isinstance(node, ast.Attribute) and node.attr in WRITES_TO_DELTA
            for node in ast.walk(function)
        )
    ]
    assert committing == [(Path("include/lake/table.py"), "commit")]


def test_only_the_table_and_prune_use_delta() -> None:
    for module in PRODUCT:
        delta = {name for name in imports_of(module) if name.partition(".")[0] == "deltalake"}
        assert not delta or module in USES_DELTA, f"{module}: use include/lake/table.py"


def test_library_never_retries_a_commit() -> None:
    """After a retry, two writers would both consider themselves first."""
    for module in USES_DELTA:
        retries = [
            ast.unparse(keyword.value)
            for call in ast.walk(tree_of(module))
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "CommitProperties"
            for keyword in call.keywords
            if keyword.arg == "max_commit_retries"
        ]
        assert retries
        assert set(retries) == {"0"}


@pytest.mark.parametrize(
    "pipeline", sorted(p.parent.name for p in (ROOT / "include").glob("*/pipeline.py"))
)
def test_pipeline_has_required_files_and_tests(pipeline: str) -> None:
    files = {path.name for path in (ROOT / "include" / pipeline).glob("*.py")}
    assert files >= PIPELINE_FILES
    assert (ROOT / "dags" / f"{pipeline}.py").is_file()
    assert list((ROOT / "tests" / "pipelines" / pipeline).glob("test_*.py"))


def test_product_code_has_no_assert_todo_or_print() -> None:
    """Only commands print."""
    for module in modules("include", "plugins"):
        source = (ROOT / module).read_text(encoding="utf-8")
        assert not [n for n in ast.walk(tree_of(module)) if isinstance(n, ast.Assert)], module
        assert not re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b", source), module
        if '__name__ == "__main__"' not in source and "include/cli/" not in module.as_posix():
            assert "print" not in names_in(module), module


def test_modules_are_short_and_have_a_docstring() -> None:
    for module in ALL:
        assert ast.get_docstring(tree_of(module)), f"{module} has no docstring"
        lines = (ROOT / module).read_text(encoding="utf-8").count("\n")
        assert lines <= MAX_LINES, f"{module} has {lines} lines"


def test_modules_have_specific_names() -> None:
    for module in ALL:
        assert module.stem not in VAGUE, f"{module}: name it after its content"
        # Airflow's plugin loader would import such a module instead of the library.
        assert module.parts[0] != "plugins" or module.stem not in sys.stdlib_module_names, module


def test_product_uses_the_conventional_words() -> None:
    for module in PRODUCT:
        found = OLD_WORDS.findall((ROOT / module).read_text(encoding="utf-8"))
        assert not found, f"{module}: {found}"


def test_no_file_has_an_absolute_local_path() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:80]}"
        for path in project_files()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if LOCAL_PATH.search(line)
    ]
    assert not found


def test_locks_name_no_registry() -> None:
    locks = [*(ROOT / "requirements").glob("*.lock"), ROOT / "requirements.txt"]
    assert len(locks) > 1
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock.name
        assert "index-url" not in text, lock.name


def test_test_files_have_unique_names() -> None:
    """Test folders are not packages, so pytest would refuse the second file."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, number in names.items() if number > 1] == []


def project_files() -> list[Path]:
    """Every text file of the project; hidden folders belong to tools, except .ci."""
    found = [p for p in ROOT.iterdir() if p.is_file() and p.name not in {".env", ".git"}]
    for folder in ROOT.iterdir():
        if folder.is_dir() and (folder.name == ".ci" or folder.name[0] != "."):
            found += [path for path in folder.rglob("*") if path.is_file()]
    relative = (path.relative_to(ROOT) for path in sorted(found))
    return [
        path for path in relative if path.suffix in TEXT_FILES and not GENERATED & set(path.parts)
    ]
