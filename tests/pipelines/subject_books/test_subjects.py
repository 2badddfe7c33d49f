import re
from collections.abc import Callable
from typing import Any

import pytest

from fakes.control import Control
from fakes.open_library import MORE_SUBJECTS
from include.errors import PermanentError
from include.lake.keys import RESERVED_FOLDERS
from include.lake.store import Store
from include.subject_books.client import check_subject
from include.subject_books.tables import folder_of
from tests.pipelines.subject_books.conftest import plain_tables

Run = Callable[..., Any]
SUBJECTS = [
    *("data_mining", "19th_century", "science-fiction", "a__b", "time:1789", "любовь"),
    *("u.s._history", "fiction_(general)", "quarantine", "raw", *MORE_SUBJECTS),
]


def subject_of(folder: str) -> str:
    """Undo the escaping."""
    return re.sub(
        r"(?:\.[0-9a-f]{2})+",
        lambda found: bytes.fromhex(found[0].replace(".", "")).decode(),
        folder,
    )


@pytest.mark.parametrize("subject", SUBJECTS)
def test_folder_of_subject_is_safe_and_reversible(subject: str) -> None:
    check_subject(subject)
    folder = folder_of(subject)
    assert all(c.isalnum() or c in "_-." for c in folder)
    assert folder not in RESERVED_FOLDERS
    assert subject_of(folder) == subject
    assert folder_of("place:london") == "place.3alondon"


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("Data Mining", "'Data Mining' is not how Open Library spells a subject; use data_mining"),
        ("Person:Harry Potter", "use person:harry_potter"),
        ("love\n", r"'love\n' is not how Open Library spells a subject; use love"),
        ("a/../b", "use a..b"),
        ("what?", "use what"),
        ("cafe\u0301", "use café"),
        ("", "'' is not a subject; give one as in the address of its page"),
        (" / ", "is not a subject"),
        ("place:", "is not a subject"),
    ],
)
def test_check_subject_suggests_the_right_spelling(subject: str, sentence: str) -> None:
    with pytest.raises(PermanentError) as refused:
        check_subject(subject)
    assert sentence in str(refused.value)
    assert "^" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("subject", ["place:london", "français"])
def test_run_publishes_subject_with_special_characters(
    run_once: Run, store: Store, replica: Control, subject: str
) -> None:
    receipt, _ = run_once(subject)
    assert receipt["version"] == 1
    assert plain_tables(store, subject)["books"].num_rows == 7
    asked = next(r for r in replica.requests if r.path.startswith("/subjects/"))
    assert asked.path == f"/subjects/{subject}.json"


def test_run_of_wrong_subject_requests_and_writes_nothing(
    run_once: Run, store: Store, replica: Control
) -> None:
    with pytest.raises(PermanentError, match="use love"):
        run_once("Love")
    assert replica.requests == []
    assert store.list("") == {}
