"""The three kinds of image files that a workspace keeps, told apart by the bytes' signature."""

from data.errors import ImageError

SUFFIX_OF_MEDIA_TYPE = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}

_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"


def media_type_of(raw: bytes) -> str:
    """Return image/png, image/jpeg or image/webp; other bytes are an `ImageError`."""
    if raw.startswith(_PNG_START):
        return "image/png"
    if raw.startswith(_JPEG_START):
        return "image/jpeg"
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "image/webp"
    raise ImageError("expected a whole PNG, JPEG or WEBP image; the bytes do not begin like one")


def check_whole(raw: bytes) -> str:
    """Return the media type of bytes that also end like an image; others are an `ImageError`."""
    media_type = media_type_of(raw)
    is_whole = {
        "image/png": raw.endswith(_PNG_END),
        "image/jpeg": raw.rstrip(b"\0").endswith(_JPEG_END),  # some cameras pad with zeros
        "image/webp": len(raw) >= 8 + int.from_bytes(raw[4:8], "little"),
    }
    if not is_whole[media_type]:
        kind = media_type.removeprefix("image/").upper()
        raise ImageError(f"expected a whole {kind} image; the bytes do not end like one")
    return media_type
