-- The books of subjects for PostgreSQL, from include/subject_books/contract.py. The DAG
-- makes these tables itself. To write this file again:
-- python -m include.subject_books.database > docs/ddl/subject_books.sql

CREATE TABLE authors (
    author_key TEXT NOT NULL,
    name TEXT,
    birth_date TEXT,
    death_date TEXT,
    bio TEXT,
    problem TEXT,
    PRIMARY KEY (author_key)
);

COMMENT ON TABLE authors IS 'One row is one author key that a book names. One person may have several keys until Open Library merges them, so do not count persons by it.';

COMMENT ON COLUMN authors.author_key IS 'The key of the author, such as /authors/OL23919A; of a merged author, the key merged into.';

COMMENT ON COLUMN authors.name IS 'The name in the author''s record; without one, as a book has it.';

COMMENT ON COLUMN authors.birth_date IS 'The birth, in free text: a year, a date, a guess.';

COMMENT ON COLUMN authors.death_date IS 'The death, in free text.';

COMMENT ON COLUMN authors.bio IS 'The author''s life in Open Library''s words.';

COMMENT ON COLUMN authors.problem IS 'Why the author has no record, such as: not known, deleted.';

CREATE TABLE books (
    work_key TEXT NOT NULL,
    title TEXT,
    first_publish_year BIGINT,
    edition_count BIGINT,
    cover_id BIGINT,
    cover_edition_key TEXT,
    has_fulltext BOOLEAN,
    PRIMARY KEY (work_key),
    CHECK (first_publish_year >= -3000 AND first_publish_year <= 2100),
    CHECK (edition_count >= 0 AND edition_count <= 2147483647),
    CHECK (cover_id >= 1 AND cover_id <= 2147483647)
);

CREATE INDEX books_by_first_publish_year ON books (first_publish_year);

COMMENT ON TABLE books IS 'One row is one book (a work), whatever the number of its editions. It may have no author.';

COMMENT ON COLUMN books.work_key IS 'The key of the book, such as /works/OL2039503W.';

COMMENT ON COLUMN books.title IS 'The title, verbatim; null where Open Library has none.';

COMMENT ON COLUMN books.first_publish_year IS 'Of the first edition; may be wrong.';

COMMENT ON COLUMN books.edition_count IS 'The number of known editions.';

COMMENT ON COLUMN books.cover_id IS 'For https://covers.openlibrary.org/b/id/{cover_id}-M.jpg.';

COMMENT ON COLUMN books.cover_edition_key IS 'The key of the edition whose cover it is.';

COMMENT ON COLUMN books.has_fulltext IS 'Whether the Internet Archive holds a scan.';

CREATE TABLE subjects (
    subject TEXT NOT NULL,
    version BIGINT NOT NULL,
    read_id TEXT NOT NULL,
    publisher TEXT NOT NULL,
    observed_at TEXT NOT NULL,
    PRIMARY KEY (subject)
);

COMMENT ON TABLE subjects IS 'One row is one subject that was loaded. In the database only.';

COMMENT ON COLUMN subjects.subject IS 'The subject as Open Library spells it, such as data_mining.';

COMMENT ON COLUMN subjects.version IS 'The version of the lake''s table.';

COMMENT ON COLUMN subjects.read_id IS 'The read that the books are from.';

COMMENT ON COLUMN subjects.publisher IS 'official, or made-up with its seed.';

COMMENT ON COLUMN subjects.observed_at IS 'When it was read, by Open Library''s clock.';

CREATE TABLE authors_books (
    work_key TEXT NOT NULL,
    author_key TEXT NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (work_key, author_key),
    UNIQUE (work_key, position),
    CHECK (position >= 1),
    FOREIGN KEY(work_key) REFERENCES books (work_key),
    FOREIGN KEY(author_key) REFERENCES authors (author_key)
);

CREATE INDEX authors_books_by_author ON authors_books (author_key);

COMMENT ON TABLE authors_books IS 'One row is one author of one book.';

COMMENT ON COLUMN authors_books.work_key IS 'The key of the book, such as /works/OL2039503W.';

COMMENT ON COLUMN authors_books.author_key IS 'The key of the author, such as /authors/OL23919A; of a merged author, the key merged into.';

COMMENT ON COLUMN authors_books.position IS 'The place on the book, from 1.';

CREATE TABLE subjects_books (
    subject TEXT NOT NULL,
    work_key TEXT NOT NULL,
    PRIMARY KEY (subject, work_key),
    FOREIGN KEY(subject) REFERENCES subjects (subject),
    FOREIGN KEY(work_key) REFERENCES books (work_key)
);

CREATE INDEX subjects_books_by_work ON subjects_books (work_key);

COMMENT ON TABLE subjects_books IS 'One row is one book of one subject. A book that no subject has any more is removed. In the database only.';

COMMENT ON COLUMN subjects_books.subject IS 'The subject as Open Library spells it, such as data_mining.';

COMMENT ON COLUMN subjects_books.work_key IS 'The key of the book, such as /works/OL2039503W.';
