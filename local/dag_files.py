"""What the files in `dags/` declare, read without Airflow, which takes seconds to start."""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from include.errors import PermanentError
from include.vehicle_recalls.years import parse_years
from local.processes import LocalError, Misuse

HOOK = re.compile(r"\bplugins\.hooks\.(\w+_hook) import")
CONNECTION = re.compile(r'default_conn_name\b.*= "(\w+)"')


@dataclass(frozen=True)
class DagFile:
    params: frozenset[str] | None  # None where they are not written out as a dict
    connections: frozenset[str]  # those of the hooks that it imports, as environment variables


def declared_dags(root: Path) -> dict[str, DagFile]:
    found = {}
    for path in sorted((root / "dags").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            raise LocalError(f"dags/{path.name}, line {error.lineno}: {error.msg}") from None
        assigned = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        hooks = [root / "plugins" / "hooks" / f"{hook}.py" for hook in HOOK.findall(text)]
        names = [
            name for hook in hooks if hook.exists() for name in CONNECTION.findall(hook.read_text())
        ]
        connections = frozenset(f"AIRFLOW_CONN_{name.upper()}" for name in names)
        for function in tree.body:
            for call in getattr(function, "decorator_list", []):
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "dag":
                    options = {option.arg: option.value for option in call.keywords}
                    params = _keys(options.get("params", ast.Dict([], [])), assigned)
                    found[function.name] = DagFile(params, connections)  # type: ignore[attr-defined]
    return found


def checked_conf(root: Path, dag_id: str, conf: str) -> str:
    """A run's conf as JSON, if there is such a DAG, and it has such params."""
    dags = declared_dags(root)
    if dag_id not in dags:
        problem = f"there is no DAG {dag_id}" if dag_id else "name a DAG: make dag DAG=shoe_prices"
        raise Misuse(f"{problem}; the DAGs are {', '.join(sorted(dags))}")
    try:
        given = json.loads(conf or "{}")
    except ValueError as error:
        raise Misuse(f"CONF is not JSON ({error}): {conf}") from None
    if not isinstance(given, dict):
        raise Misuse(f"""CONF is not a JSON object such as '{{"dry_run": true}}': {conf}""")
    params = dags[dag_id].params
    if params is not None and (unknown := sorted(given.keys() - params)):
        known = ", ".join(sorted(params)) or "nothing"
        raise Misuse(
            f"CONF has {', '.join(unknown)}, which {dag_id} does not know; it takes {known}"
        )
    try:
        parse_years(given.get("years"))
    except PermanentError as error:
        raise Misuse(f"CONF: {error}") from None
    return json.dumps(given)


def _keys(node: ast.expr, assigned: Mapping[str, ast.expr]) -> frozenset[str] | None:
    """The keys of a dict that is written out, named, or made of two with `|`."""
    match node:
        case ast.Dict(keys=keys) if all(isinstance(key, ast.Constant) for key in keys):
            return frozenset(str(key.value) for key in keys)  # type: ignore[union-attr]
        case ast.Name(id=name) if name in assigned:
            return _keys(assigned[name], assigned)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            one, other = _keys(left, assigned), _keys(right, assigned)
            return None if one is None or other is None else one | other
    return None
