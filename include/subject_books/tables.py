"""The model: what the files, the database, the DDL and the data dictionary are all made from.

`PUBLISHED` are the three tables that people get as files; the other two say in the database which
books belong to which subject, so that several subjects lie side by side.
"""

from __future__ import annotations

import pyarrow as pa
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION = "1"  # raise it when the same answers give other rows
MODEL = MetaData()

AUTHORS = Table(
    "authors",
    MODEL,
    Column(
        "author_key",
        Text,
        primary_key=True,
        comment="Open Library's key of the author, such as /authors/OL23919A; of a merged author, the key that it was merged into.",
    ),
    Column(
        "name",
        Text,
        comment="The name as the author's record has it; where there is no record, as a book credits it.",
    ),
    Column(
        "birth_date",
        Text,
        comment="When the author was born, in free text: a year, a date, a guess.",
    ),
    Column("death_date", Text, comment="When the author died, in free text."),
    Column("bio", Text, comment="The author's life, as Open Library tells it."),
    Column(
        "trouble",
        Text,
        comment="Why there is no record of the author: not known, deleted, or merged into nothing or in a circle. Null when all is well.",
    ),
    comment="One row is one author key that a book names. One person may have several, which nobody has merged yet, so do not count persons by it.",
)

BOOKS = Table(
    "books",
    MODEL,
    Column(
        "work_key",
        Text,
        primary_key=True,
        comment="Open Library's key of the work, such as /works/OL2039503W.",
    ),
    Column("title", Text, comment="The title, verbatim; null where Open Library has none."),
    Column(
        "first_publish_year",
        BigInteger,
        comment="The year of the first edition that Open Library knows, from -3000 to 2100; it is often missing, and sometimes wrong.",
    ),
    Column(
        "edition_count",
        BigInteger,
        CheckConstraint("edition_count >= 0"),
        comment="How many editions Open Library knows.",
    ),
    Column(
        "cover_id",
        BigInteger,
        comment="The cover's number, for https://covers.openlibrary.org/b/id/{cover_id}-M.jpg; null without a cover.",
    ),
    Column("cover_edition_key", Text, comment="The key of the edition whose cover it is."),
    Column("has_fulltext", Boolean, comment="Whether the Internet Archive holds a scan."),
    Index("books_by_first_publish_year", "first_publish_year"),
    comment="One row is one work, whatever the number of its editions. It may have no author.",
)

AUTHORS_BOOKS = Table(
    "authors_books",
    MODEL,
    Column("work_key", Text, ForeignKey("books.work_key"), primary_key=True, comment="The book."),
    Column(
        "author_key",
        Text,
        ForeignKey("authors.author_key"),
        primary_key=True,
        comment="The author, after merging.",
    ),
    Column(
        "position",
        BigInteger,
        CheckConstraint("position >= 1"),
        nullable=False,
        comment="The author's place on the book, from 1, without gaps.",
    ),
    UniqueConstraint("work_key", "position"),
    Index("authors_books_by_author", "author_key"),
    comment="One row is one author of one book.",
)

SUBJECTS = Table(
    "subjects",
    MODEL,
    Column("subject", Text, primary_key=True, comment="The subject, as the run was asked for it."),
    Column(
        "version", BigInteger, nullable=False, comment="The version of its snapshot in the lake."
    ),
    Column("token", Text, nullable=False, comment="The read that the snapshot was made from."),
    Column("source", Text, nullable=False, comment="official, or made-up with its seed."),
    Column(
        "observed_at",
        Text,
        nullable=False,
        comment="When Open Library was read, by its own clock; an older read never replaces a newer one.",
    ),
    comment="One row is one subject that was loaded, and which snapshot it is at.",
)

SUBJECTS_BOOKS = Table(
    "subjects_books",
    MODEL,
    Column(
        "subject", Text, ForeignKey("subjects.subject"), primary_key=True, comment="The subject."
    ),
    Column(
        "work_key", Text, ForeignKey("books.work_key"), primary_key=True, comment="A book of it."
    ),
    Index("subjects_books_by_work", "work_key"),
    comment="One row is one book of one subject. A book that no subject has any more is removed.",
)

PUBLISHED = (AUTHORS, BOOKS, AUTHORS_BOOKS)
ARROW = {Text: pa.string(), BigInteger: pa.int64(), Boolean: pa.bool_()}


def arrow_schema(table: Table) -> pa.Schema:
    """The columns of the table's files, each with its sentence."""
    return pa.schema(
        [
            pa.field(
                column.name,
                ARROW[type(column.type)],
                nullable=bool(column.nullable),
                metadata={"comment": column.comment or ""},
            )
            for column in table.columns
        ]
    )


def key_of(table: Table) -> list[str]:
    return [column.name for column in table.primary_key]
