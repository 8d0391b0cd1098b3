"""Keys that open one image for a while: an address that was copied is of no use for ever.

A key is the second until which it is good, and an HMAC-SHA256 of that and of the image's name.
"""

import hashlib
import hmac

_DAY_S = 24 * 60 * 60
_NUM_DAYS = 2


def make_key(secret: str, sha256: str, now_s: float) -> str:
    """Return a key for an image, the same all day, so that a browser keeps what it has loaded."""
    until = (int(now_s) // _DAY_S + _NUM_DAYS) * _DAY_S
    return f"{until}-{_signature(secret, sha256, until)}"


def is_key(key: str, secret: str, sha256: str, now_s: float) -> bool:
    """Say whether a key opens the image now."""
    until, _, signature = key.partition("-")
    if not (until.isascii() and until.isdigit() and signature.isascii()):
        return False
    is_ours = hmac.compare_digest(signature, _signature(secret, sha256, int(until)))
    return is_ours and now_s < int(until)


def _signature(secret: str, sha256: str, until: int) -> str:
    return hmac.new(secret.encode(), f"{sha256} {until}".encode(), hashlib.sha256).hexdigest()
