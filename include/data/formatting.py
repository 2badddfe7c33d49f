"""Values as people read them."""


def printable(value: object) -> str:
    """Publishers send control characters, nulls and empty texts; each can be seen."""
    if value is None:
        return "(none)"
    if value == "":
        return "(empty)"
    if isinstance(value, bool):
        return str(value).lower()  # as the ledger spells it
    return escaped(str(value))


def escaped(text: str) -> str:
    """Control characters spelled out."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
