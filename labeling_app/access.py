"""Who may come in: whoever reaches the app or, with OIDC set up, who has logged in.

`[auth]` in the secrets file is what `st.login` reads. `[tastemaker]` beside it may say more:

    [tastemaker]
    raters = ["ada@example.org", "@lab.example.org"]   # if none, everyone who can log in
    admins = ["ada@example.org"]                       # who see how each rater rates

Streamlit's login guards the pages alone, so the addresses of images carry a key (`image_keys`).
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import streamlit as st

from data.errors import ConfigError
from labeling_app.image_keys import is_key, make_key


def is_login_required() -> bool:
    """Say whether OIDC is set up."""
    return "auth" in _secrets()


def account() -> str | None:
    """Return what who has logged in is known by; None before they have."""
    if not st.user.get("is_logged_in"):
        return None
    return account_of(cast(Mapping[str, Any], st.user.to_dict()))


def account_of(claims: Mapping[str, Any]) -> str:
    """Return the address that the provider has seen answered, else its own number for the account.

    Any other address may be somebody else's, and a name is what its bearer typed.
    """
    is_verified = str(claims.get("email_verified")).lower() == "true"  # some send it as a text
    if is_verified and claims.get("email"):
        return str(claims["email"])
    return str(claims["sub"])


def is_welcome(name: str) -> bool:
    """Say whether an account is among those who may rate."""
    listed = _listed("raters")
    return listed is None or _is_among(name, listed)


def is_admin(name: str) -> bool:
    """Say whether someone may see how others rate; on a laptop everyone may."""
    return not is_login_required() or _is_among(name, _listed("admins") or [])


def _listed(which: str) -> list[str] | None:
    listed = _secrets().get("tastemaker", {}).get(which)
    if listed is None:
        return None
    if isinstance(listed, str) or not isinstance(listed, Sequence):
        raise ConfigError(f"secrets: expected tastemaker.{which} to be a list, got {listed!r}")
    return [str(entry) for entry in cast(Sequence[object], listed)]


def _is_among(name: str, listed: list[str]) -> bool:
    """An entry is a whole account, or with @ in front all of a domain."""
    wanted, entries = name.casefold(), [entry.casefold() for entry in listed]
    return any(wanted.endswith(e) if e.startswith("@") else wanted == e for e in entries)


def image_url(sha256: str) -> str:
    """Return where the browser finds an image, with a key where one is asked for."""
    secret = _cookie_secret()
    if secret is None:
        return f"img/{sha256}"
    return f"img/{sha256}?key={make_key(secret, sha256, time.time())}"


def may_see(sha256: str, key: str) -> bool:
    """Say whether who brings the key may see the image."""
    secret = _cookie_secret()
    return secret is None or is_key(key, secret, sha256, time.time())


def _cookie_secret() -> str | None:
    auth = _secrets().get("auth")
    if auth is None:
        return None
    if not auth.get("cookie_secret"):
        raise ConfigError("secrets: [auth] has no cookie_secret; expected a long random text")
    return str(auth["cookie_secret"])


def _secrets() -> Mapping[str, Any]:
    """Return the secrets, of which there may be none.

    Raises `ConfigError` on a file that cannot be read: taken for none it would let everyone in.
    """
    try:
        st.secrets.keys()
    except (OSError, ValueError) as error:
        there = [path for path in st.get_option("secrets.files") if Path(path).exists()]
        if there:
            raise ConfigError(
                f"nobody is let in, for {there[0]} cannot be read: expected TOML ({error})"
            ) from error
        return {}
    return st.secrets
