"""The questions that readers of the dataset ask in SoQL, as SQL; all else is malformed."""

import re
from collections.abc import Mapping
from typing import NamedTuple

TYPES = {
    ":id": "row_identifier",
    ":created_at": "fixed_timestamp",
    ":updated_at": "fixed_timestamp",
    ":version": "row_version",
    "report_received_date": "floating_timestamp",
    "nhtsa_id": "text",
    "recall_link": "url",
    "manufacturer": "text",
    "subject": "text",
    "component": "text",
    "mfr_campaign_number": "text",
    "recall_type": "text",
    "potentially_affected": "number",
    "defect_summary": "text",
    "consequence_summary": "text",
    "corrective_action": "text",
    "fire_risk_when_parked": "text",
    "do_not_drive": "text",
    "completion_rate": "number",
}


class Question(NamedTuple):
    sql: str
    columns: dict[str, str]  # of the answer, with their types


# By what is selected, grouped and ordered; each row of an answer is its JSON.
QUESTIONS: dict[tuple[str | None, ...], Question] = {
    # Rows are found first, and only those of the page are read.
    (":*,*", None, "nhtsa_id,:id"): Question(
        """
        SELECT row FROM (
            SELECT rowid AS place FROM recalls WHERE {where}
            ORDER BY nhtsa_id NULLS LAST, ":id" LIMIT {limit} OFFSET {offset}
        ) CROSS JOIN recalls ON recalls.rowid = place
        """,
        TYPES,
    ),
    ("count(*)", None, None): Question(
        "SELECT json_object('count', CAST(count(*) AS TEXT)) FROM recalls WHERE {where}",
        {"count": "number"},
    ),
    ("date_extract_y(report_received_date) AS year, count(*) AS recalls", "year", "year"): Question(
        """
        SELECT json_patch('{{}}', json_object('year', year, 'recalls', CAST(count(*) AS TEXT)))
        FROM (SELECT substr(report_received_date, 1, 4) AS year FROM recalls WHERE {where})
        GROUP BY year ORDER BY year NULLS LAST LIMIT {limit} OFFSET {offset}
        """,
        {"year": "number", "recalls": "number"},
    ),
}
CONDITION = re.compile(
    r"(report_received_date( IS NULL| IS NOT NULL| (>=|<) '[-0-9:T]+')| AND | OR |[()])+|TRUE"
)


class Malformed(Exception):
    """The query is not one that this API understands."""


def translate(asked: Mapping[str, str]) -> Question:
    """A known question about the rows and the page that are asked for."""
    question = QUESTIONS.get((asked.get("$select"), asked.get("$group"), asked.get("$order")))
    if question is None:
        raise Malformed("This fake does not know such a question")
    where = asked.get("$where", "TRUE")
    if not CONDITION.fullmatch(where):
        raise Malformed(f"Could not parse SoQL query at {where!r}")
    page = {"limit": asked.get("$limit", "1000"), "offset": asked.get("$offset", "0")}
    for name, number in page.items():
        if not re.fullmatch(r"[0-9]{1,12}", number):
            raise Malformed(f"${name} must be a whole number of 0 or more, not {number!r}")
    return Question(question.sql.format(where=where, **page), question.columns)
