"""What a row of the subject books is, and the tables that people get from the rows."""

import pyarrow as pa

from include.data.contract import TEXT, Column, Dataset, DerivedTable

COUNT = pa.int64()
MAX = 2**31 - 1


def _number(name: str, sentence: str, minimum: int, maximum: int = MAX) -> Column:
    return Column(name, COUNT, sentence, minimum=minimum, maximum=maximum)


WORK_KEY = Column(
    "work_key", TEXT, "The key of the book, such as /works/OL2039503W.", required=True
)
AUTHOR_KEY = Column(
    "author_key",
    TEXT,
    "The key of the author, such as /authors/OL23919A; of a merged author, the key merged into.",
    required=True,
)
SUBJECT = Column(
    "subject", TEXT, "The subject as Open Library spells it, such as data_mining.", required=True
)
BOOK_COLUMNS = (
    WORK_KEY,
    Column("title", TEXT, "The title, verbatim; null where Open Library has none."),
    _number("first_publish_year", "Of the first edition; may be wrong.", -3000, 2100),
    _number("edition_count", "The number of known editions.", 0),
    _number("cover_id", "For https://covers.openlibrary.org/b/id/{cover_id}-M.jpg.", 1),
    Column("cover_edition_key", TEXT, "The key of the edition whose cover it is."),
    Column("has_fulltext", pa.bool_(), "Whether the Internet Archive holds a scan."),
)
AUTHORS = DerivedTable(
    "authors",
    "One row is one author key that a book names. One person may have several keys until Open "
    "Library merges them, so do not count persons by it.",
    ("author_key",),
    (
        AUTHOR_KEY,
        Column("name", TEXT, "The name in the author's record; without one, as a book has it."),
        Column("birth_date", TEXT, "The birth, in free text: a year, a date, a guess."),
        Column("death_date", TEXT, "The death, in free text."),
        Column("bio", TEXT, "The author's life in Open Library's words."),
        Column("problem", TEXT, "Why the author has no record, such as: not known, deleted."),
    ),
)
BOOKS = DerivedTable(
    "books",
    "One row is one book (a work), whatever the number of its editions. It may have no author.",
    ("work_key",),
    BOOK_COLUMNS,
)
AUTHORS_BOOKS = DerivedTable(
    "authors_books",
    "One row is one author of one book.",
    ("work_key", "author_key"),
    (
        WORK_KEY,
        AUTHOR_KEY,
        Column("position", COUNT, "The place on the book, from 1.", required=True, minimum=1),
    ),
)
SUBJECTS = DerivedTable(
    "subjects",
    "One row is one subject that was loaded. In the database only.",
    ("subject",),
    (
        SUBJECT,
        Column("version", COUNT, "The version of the lake's table.", required=True),
        Column("read_id", TEXT, "The read that the books are from.", required=True),
        Column("publisher", TEXT, "official, or made-up with its seed.", required=True),
        Column("observed_at", TEXT, "When it was read, by Open Library's clock.", required=True),
    ),
)
SUBJECTS_BOOKS = DerivedTable(
    "subjects_books",
    "One row is one book of one subject. A book that no subject has any more is removed. In the "
    "database only.",
    ("subject", "work_key"),
    (SUBJECT, WORK_KEY),
)
IN_FILES = (AUTHORS, BOOKS, AUTHORS_BOOKS)

SUBJECT_BOOKS = Dataset(
    name="subject_books",
    version="1",
    grain=(
        "One row is one book of one subject, with its authors. A book of two subjects has a row in "
        "each, so do not add subjects up."
    ),
    key="subject_book",
    columns=(
        Column(
            "subject_book",
            TEXT,
            "Subject and key of the book, such as data_mining/works/OL2039503W.",
            required=True,
        ),
        SUBJECT,
        *BOOK_COLUMNS,
        Column(
            "authors",
            TEXT,
            "The authors in the book's order, as a JSON list: author_key, name, birth_date, "
            "death_date, bio and problem of each.",
            required=True,
        ),
    ),
    partition_by="subject",
    derived=(*IN_FILES, SUBJECTS, SUBJECTS_BOOKS),
)
