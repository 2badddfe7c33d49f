"""deploy/terraform/README.md names the variables, outputs and files of the module."""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "terraform"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
QUOTED = set(re.findall(r"`([^`\n]+)`", README))


def named(kind: str) -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in FOLDER.glob("*.tf"))
    return {name for text in texts for name in re.findall(rf'^{kind} "(\w+)"', text, re.MULTILINE)}


def test_readme_names_every_variable_and_output() -> None:
    words = set(re.findall(r"\w+", README))
    variables, outputs = named("variable"), named("output")
    assert variables
    assert outputs
    assert variables | outputs <= words


def test_readme_names_only_existing_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    files = [quoted for quoted in QUOTED if re.fullmatch(r"[\w/]+\.(tf|json)|\w+/", quoted)]
    assert links
    assert len(files) > 5
    assert not [path for path in [*links, *files] if not (FOLDER / path).exists()]
