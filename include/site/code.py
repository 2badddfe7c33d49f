"""The site's own code: what a browser loads, and a name for what it is made from."""

from functools import cache
from pathlib import Path

from include.site.files import inputs_hash

HERE = Path(__file__).parent
STATIC = HERE / "static"
STYLES = (HERE.parent / "style.css", STATIC / "site.css")  # the family's look, and the site's own


@cache
def code_files() -> dict[str, bytes]:
    """The files of the code folder by name: the scripts, and one style sheet."""
    scripts = STATIC / "js"
    files = {
        path.relative_to(scripts).as_posix(): path.read_bytes()
        for path in sorted(scripts.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }
    styles = [path.read_bytes() for path in STYLES if path.is_file()]
    return files | {"style.css": b"\n".join(styles)}


@cache
def code_folder() -> str:
    """The folder of the code in the site, named by a hash of it."""
    return f"assets/{inputs_hash(code_files())}/"


@cache
def generator() -> str:
    """A hash of what decides how data becomes files: this package's Python, and the contracts."""
    sources = [*HERE.glob("*.py"), *HERE.rglob("*.j2"), *HERE.parent.glob("*/contract.py")]
    return inputs_hash([path.read_bytes() for path in sorted(sources)])
