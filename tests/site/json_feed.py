"""JSON Feed 1.1 as a JSON Schema: the members that the standard requires, and their types."""

TEXT = {"type": "string", "minLength": 1}
DATE = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
AUTHORS = {
    "type": "array",
    "items": {
        "type": "object",
        "minProperties": 1,
        "properties": {"name": TEXT, "url": TEXT, "avatar": TEXT},
        "additionalProperties": False,
    },
}
ITEM = {
    "type": "object",
    "required": ["id"],
    "anyOf": [{"required": ["content_text"]}, {"required": ["content_html"]}],
    "properties": {
        "id": TEXT,
        "url": TEXT,
        "external_url": TEXT,
        "title": TEXT,
        "content_html": TEXT,
        "content_text": TEXT,
        "summary": TEXT,
        "image": TEXT,
        "banner_image": TEXT,
        "date_published": DATE,
        "date_modified": DATE,
        "authors": AUTHORS,
        "tags": {"type": "array", "items": TEXT},
        "language": TEXT,
        "attachments": {"type": "array"},
    },
    "patternProperties": {"^_": {}},
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "required": ["version", "title", "items"],
    "properties": {
        "version": {"const": "https://jsonfeed.org/version/1.1"},
        "title": TEXT,
        "home_page_url": TEXT,
        "feed_url": TEXT,
        "description": TEXT,
        "user_comment": TEXT,
        "next_url": TEXT,
        "icon": TEXT,
        "favicon": TEXT,
        "authors": AUTHORS,
        "language": TEXT,
        "expired": {"type": "boolean"},
        "hubs": {"type": "array"},
        "items": {"type": "array", "items": ITEM},
    },
    "patternProperties": {"^_": {}},
    "additionalProperties": False,
}
