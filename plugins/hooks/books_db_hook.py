"""The connection `books_db`, as the database of the books."""

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from sqlalchemy import URL

from include.errors import PermanentError
from include.subject_books.database import BooksDatabase, DatabaseError


class BooksDbHook(BaseHook):
    """PostgreSQL: host, port, login, password, `schema` the database; extra `sslmode`.

    SQLite (connection type sqlite): the host is the path of the file.
    """

    conn_name_attr = "conn_id"
    default_conn_name = "books_db"
    conn_type = "postgres"
    hook_name = "Books database"

    def __init__(self, conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.conn_id = conn_id

    def get_conn(self) -> BooksDatabase:
        return BooksDatabase(self._url())

    def test_connection(self) -> tuple[bool, str]:
        """Begin a load and undo it, which needs the right to make tables."""
        try:
            database = self.get_conn()
            database.check_access()
        except (DatabaseError, PermanentError, AirflowNotFoundException) as error:
            return False, str(error)
        return True, f"{database.where} can be loaded into"

    def _url(self) -> URL:
        connection = self.get_connection(self.conn_id)
        if connection.conn_type == "sqlite":
            # As a URI, a path without a host ends up in the schema.
            if path := connection.host or connection.schema:
                return URL.create("sqlite", database=path)
            raise self._refuse("has no file; set its host to a path")
        if connection.conn_type not in {"postgres", "postgresql"}:
            raise self._refuse(f"has the type {connection.conn_type}; choose postgres or sqlite")
        missing = [part for part in ("host", "schema") if not getattr(connection, part)]
        if missing:
            raise self._refuse(
                f"has no {' and no '.join(missing)}; `schema` is the name of the database"
            )
        extra = connection.extra_dejson
        sslmode = extra.get("sslmode")
        return URL.create(
            "postgresql+psycopg2",
            username=connection.login or None,
            password=connection.password or None,
            host=connection.host,
            port=connection.port,
            database=connection.schema,
            query={"sslmode": str(sslmode)} if sslmode else {},
        )

    def _refuse(self, problem: str) -> PermanentError:
        return PermanentError(f"the connection `{self.conn_id}` {problem}")
