"""The page: one HTML document that carries its manifest and names what it loads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TITLE = "Vehicle recalls"


def render_page(manifest: Mapping[str, Any], json_ld: Mapping[str, Any]) -> str:
    return PAGE.render(title=TITLE, manifest=manifest, json_ld=json_ld)


def script_json(value: object) -> Markup:
    """JSON for a script element: nothing in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped above


environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "static"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters["script_json"] = script_json
PAGE = environment.get_template("index.html.j2")
