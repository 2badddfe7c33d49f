"""The page says what the code does: its rules, its example, its messages."""

from __future__ import annotations

import ast
import json
import re
from datetime import UTC, datetime
from pathlib import Path

from fakes.made_up_outages import KINGFISHER
from include.site_outages.contract import CONTRACT
from include.site_outages.enrich import RULES, enrich

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "site-outages.md").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows_of(heading: str) -> list[list[str]]:
    lines = [line for line in section(heading).splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_rule_is_on_the_page() -> None:
    """Word for word, in the order of the code."""
    assert [tuple(row) for row in rows_of("What is odd, and what then")] == [*RULES.items()]


def test_the_example_is_what_the_code_makes() -> None:
    """The table has the six outages, the JSON is what is posted of them."""
    site = {"id": KINGFISHER.id, "devices": [device._asdict() for device in KINGFISHER.devices]}
    made = enrich(KINGFISHER.outages, site, datetime(2022, 1, 1, tzinfo=UTC))
    (example,) = re.findall(r"```json\n(.*?)```", section("The example"), re.DOTALL)
    assert json.loads(example) == made.payload
    shown = [(row[1], row[2], row[3]) for row in rows_of("The example")]
    assert shown == [(o["id"][:8], o["begin"], o["end"]) for o in KINGFISHER.outages]
    posted = [row[4] == "yes" for row in rows_of("The example")]
    assert posted == [False, True, True, False, True, False]


def test_every_column_is_on_the_page() -> None:
    """In the order of the contract."""
    named = re.findall(r"`(\w+)`", section("The columns"))
    assert [word for word in named if word in CONTRACT.schema.names] == CONTRACT.schema.names


def test_every_symptom_is_a_message_of_the_code() -> None:
    """What the page quotes is what a task really says."""
    paths = [path for folder in ("include", "plugins") for path in (ROOT / folder).rglob("*.py")]
    said = [
        node.value
        for path in paths
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    rows = rows_of("What goes wrong")
    assert rows
    for row in rows:
        for double, single in re.findall(r"``(.+?)``|`([^`]+)`", row[0]):
            quoted = (double or single).strip()
            assert any(quoted in text for text in said), quoted
