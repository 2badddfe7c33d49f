"""How a dataset is read, as code that works when it is pasted."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,  # noqa: S701 - code that pages insert as text
)
HEADING = "## "


def reading_blocks(
    root: str, file: str = "", table: str = "", athena: str = "", day: str = ""
) -> list[dict[str, str]]:
    """A block for each tool: of plain files if there are any, and of the Delta table.

    `file` may be a pattern of which `????` is a year; `day` is a column that has days.
    """
    text = TEMPLATES.get_template("reading.j2").render(
        root=root,
        file=file,
        table=table,
        athena=athena,
        day=day,
        one_file=file.replace("????", "2024"),
    )
    sections = [section.partition("\n") for section in f"\n{text}".split(f"\n{HEADING}")[1:]]
    blocks = [{"tool": tool, "code": code.strip()} for tool, _, code in sections]
    return [block for block in blocks if block["code"]]
