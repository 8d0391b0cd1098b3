"""PostgreSQL's URLs, read by its own client library, and written without their secrets."""

from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from data.errors import ConfigError

_SECRETS = ("password", "sslpassword")


def read_url(url: str) -> dict[str, str]:
    """Return what a URL sets, by libpq's names; a URL that is none is a `ConfigError`."""
    try:
        settings = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError:  # its message may hold a part of the password
        settings = {"port": "unreadable"}
    places = settings.get("host", "") + settings.get("dbname", "")
    if "@" in places or not set(settings.get("port", "")) <= set("0123456789,"):
        raise ConfigError(  # a password with bare special characters is taken for other parts
            "the store's URL cannot be read; expected postgresql://user@host:5432/database, with"
            " %40 and the like for special characters"
        )
    return settings


def without_password(url: str) -> str:
    """Spell a URL in the one way that leaves its secrets out."""
    shown = {name: value for name, value in read_url(url).items() if name not in _SECRETS}
    database = quote(shown.pop("dbname", ""), safe="")
    server = _server(shown)
    query = f"?{urlencode(sorted(shown.items()), quote_via=quote, safe='/')}" if shown else ""
    return f"postgresql://{server}/{database}{query}"


def _server(shown: dict[str, str]) -> str:
    """Take user, host and port out of `shown`, as the URL begins with them.

    A folder of sockets, or several hosts, can only stand in the query.
    """
    user = f"{quote(shown.pop('user'), safe='')}@" if "user" in shown else ""
    host = shown.get("host", "")
    if not host or set(host) & set(",/"):
        return user
    del shown["host"]
    port = f":{shown.pop('port')}" if "port" in shown else ""
    return f"{user}[{host}]{port}" if ":" in host else f"{user}{host}{port}"
