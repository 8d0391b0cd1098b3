"""Who may come in: whoever reaches the app or, with OIDC set up, who has logged in.

`[auth]` in the secrets file is what `st.login` reads. `[tastemaker]` beside it may say more:

    [tastemaker]
    raters = ["ada@example.org", "@lab.example.org"]   # if none, everyone who can log in
    admins = ["ada@example.org"]                       # who see how each rater rates

Streamlit's login guards the pages alone, so the addresses of images carry a key (`image_keys`).
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import streamlit as st

from data.errors import ConfigError
from labeling_app.image_keys import is_key, make_key


def is_login_required() -> bool:
    """Say whether OIDC is set up."""
    return "auth" in _secrets()


def account() -> str | None:
    """Return the address or name of who has logged in; None before they have."""
    if not st.user.get("is_logged_in"):
        return None
    claims = cast(Mapping[str, Any], st.user.to_dict())
    # An address that its provider has not seen answered may be anybody's.
    names = ("name", "sub") if claims.get("email_verified") is False else ("email", "name", "sub")
    return next(str(claims[name]) for name in names if claims.get(name))


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
    return None if auth is None else str(auth["cookie_secret"])


def _secrets() -> Mapping[str, Any]:
    return st.secrets if st.secrets.load_if_toml_exists() else {}
