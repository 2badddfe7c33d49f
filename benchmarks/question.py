"""What every contender asks the API: all rows, in pages as its documentation advises."""

PATH = "/resource/6axg-epim.json"
PAGE_SIZE = 50_000


def page_query(offset: int) -> dict[str, str]:
    return {
        "$select": ":*,*",
        "$order": "nhtsa_id,:id",
        "$limit": str(PAGE_SIZE),
        "$offset": str(offset),
    }
