"""The hook that every API's hook builds on: a connection of type http, as a client."""

from typing import Any, ClassVar, Generic, NamedTuple, TypeVar
from urllib.parse import urlsplit

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import PermanentError
from include.http.errors import AuthError, HttpError
from include.http.masking import Mask

Client = TypeVar("Client")


class Access(NamedTuple):
    """What a connection says, without surrounding blanks; empty where it says nothing."""

    url: str
    login: str
    password: str
    extra: dict[str, Any]


class ApiHook(BaseHook, Generic[Client]):
    """Opens the client of an API that a connection describes.

    The host may carry scheme and port, or they stand in the connection's own fields; https is the
    default. A subclass names its API, opens its client, and asks it one cheap question.
    """

    conn_name_attr = "conn_id"
    conn_type = "http"
    default_conn_name: ClassVar[str]
    official_host: ClassVar[str]
    password_is: ClassVar[str] = ""  # such as "the key of the API"; empty: the API needs none

    def __init__(self, conn_id: str = "") -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name

    def open_client(self, access: Access, **limits: Any) -> Client:
        """`limits` are those of HttpClient: `attempts` and `total_s`, or none."""
        raise NotImplementedError

    def ask(self, client: Client) -> str:
        """Ask something that needs host and password to be right; return one sentence."""
        raise NotImplementedError

    def hint(self, error: HttpError) -> str:
        """What to correct in the connection after this error."""
        if isinstance(error, AuthError) and self.password_is:
            return f"The password of the connection `{self.conn_id}` is {self.password_is}"
        return (
            f"Check the host of the connection `{self.conn_id}`; the official one is "
            f"{self.official_host}"
        )

    def get_conn(self) -> Client:
        return self.open_client(self.access())

    def test_connection(self) -> tuple[bool, str]:
        """Ask the API quickly, and say in one sentence how that went."""
        mask = Mask()
        try:
            access = self.access()
            mask = Mask([access.password])
            return True, self.ask(self.open_client(access, attempts=2, total_s=20))
        except HttpError as error:
            return False, mask(f"{error}. {self.hint(error)}")
        except (PermanentError, AirflowNotFoundException) as error:
            return False, mask(str(error))

    def access(self) -> Access:
        connection = self.get_connection(self.conn_id)
        return Access(
            self._url(connection),
            (connection.login or "").strip(),
            (connection.password or "").strip(),
            self._extra(connection),
        )

    def refuse(self, problem: str) -> PermanentError:
        """The error for a connection that cannot be used, such as "has no password; set it"."""
        return PermanentError(f"the connection `{self.conn_id}` {problem}")

    def _url(self, connection: Connection) -> str:
        host = (connection.host or "").strip()
        if not host:
            raise self.refuse(f"has no host; set it to {self.official_host}")
        try:
            url = urlsplit(host if "://" in host else f"{connection.schema or 'https'}://{host}")
            if connection.port and not url.port:
                url = url._replace(netloc=f"{url.netloc}:{connection.port}")
        except ValueError:
            raise self.refuse(
                f"has an invalid address as its host; set it to {self.official_host}"
            ) from None
        return url.geturl()

    def _extra(self, connection: Connection) -> dict[str, Any]:
        extra = connection.extra_dejson
        # Airflow reads text that is not JSON as an empty extra.
        if not isinstance(extra, dict) or (
            not extra and (connection.extra or "{}").strip() != "{}"
        ):
            raise self.refuse("has an extra that is not a JSON object; correct it")
        return extra
