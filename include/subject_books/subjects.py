"""Names of subjects: as Open Library spells them, and as folders of the bucket."""

from __future__ import annotations

import re
import unicodedata

from include.errors import PermanentError
from include.lake.keys import RESERVED_FOLDERS

KINDS = re.compile(r"(?:person|place|time):")
LEFT_OUT = set(';/?:@&=+$,<>#%"{}|\\^[]`')  # by Open Library, from the address of a subject
MAX_FOLDER = 200  # characters


def check_subject(subject: str) -> None:
    """Refuse what cannot be the name of a subject, with the right spelling where there is one."""
    spelled = spell(subject)
    if not spelled:
        raise PermanentError(
            f"{subject!r} is not a subject; give one as in the address of its page on "
            "openlibrary.org, such as data_mining, children's_fiction or place:london"
        )
    if spelled != subject:
        raise PermanentError(
            f"{subject!r} is not how Open Library spells a subject; "
            f"use {spelled} if that is the one you mean"
        )
    if len(folder_of(subject)) > MAX_FOLDER:
        raise PermanentError(
            f"the subject {subject[:40]}… is too long for the name of a folder; choose a shorter one"
        )


def spell(text: str) -> str:
    """As in the address of the subject's page: lower case, words joined by _."""
    text = "_".join(unicodedata.normalize("NFC", text.lower()).split())
    kind = KINDS.match(text)
    start = kind.end() if kind else 0
    name = "".join(c for c in text[start:] if c not in LEFT_OUT and c.isprintable()).strip("_")
    return text[:start] + name if name else ""


def folder_of(subject: str) -> str:
    """A folder for one subject alone, safe and readable.

    Letters, digits, _ and - stay; any other character is a dot and two hex digits for each byte.
    """
    folder = "".join(c if c.isalnum() or c in "_-" else _escape(c) for c in subject)
    return folder[:-1] + _escape(folder[-1]) if folder in RESERVED_FOLDERS else folder


def _escape(character: str) -> str:
    return "".join(f".{byte:02x}" for byte in character.encode())
