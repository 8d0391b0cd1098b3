"""Images that come from elsewhere: found below their folder only, and decoded before they stay."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import PIL.Image

from data.errors import ImageError
from data.exchange.record import ImageSource
from data.image_files import check_whole

MOST_BYTES = 64 * 2**20
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 16_384

_FAULTS = (
    OSError, SyntaxError, ValueError, EOFError, ArithmeticError, LookupError, TypeError,
    struct.error, zlib.error,
)  # fmt: skip
"""What Pillow's decoders raise on bytes that are no image."""


def read_source(source: ImageSource, folder: Path) -> bytes:
    """Return an image's bytes; a path must lead to a file inside `folder`, else `ImageError`."""
    if isinstance(source, bytes):
        _check_size(len(source))
        return source
    path = find_inside(folder, source)
    _check_size(path.stat().st_size)
    return path.read_bytes()


def find_inside(folder: Path, name: str) -> Path:
    """Return the file of a relative path, links followed; `ImageError` if it lies elsewhere."""
    shown = repr(name[:80])
    if "://" in name:
        raise ImageError(f"{shown} is an address; images are not fetched, so get its file first")
    try:
        inside, path = folder.resolve(), (folder / name).resolve()
        is_file = path.is_file()
    except (OSError, ValueError, RuntimeError):
        raise ImageError(f"no image at {shown}; expected the path of a file") from None
    if Path(name).is_absolute() or not path.is_relative_to(inside):
        raise ImageError(f"{shown} lies outside the table's folder; expected a path below it")
    if not is_file:
        raise ImageError(f"no image at {shown} below the table's folder")
    return path


def check_picture(raw: bytes) -> tuple[int, int]:
    """Decode a PNG, JPEG or WEBP image and return its width and height in pixels.

    Raises `ImageError` on another format, a damaged file, an animation, or more pixels than a
    decoder should be given.
    """
    kind = check_whole(raw).removeprefix("image/").upper()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, which is not our affair
            warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
            with PIL.Image.open(io.BytesIO(raw), formats=(kind,)) as picture:
                size = picture.size
                _check_pixels(*size)
                if getattr(picture, "n_frames", 1) != 1:
                    raise ImageError("expected a still image, got an animation")
                picture.load()
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning):
        raise ImageError(f"the image has more than {MOST_PIXELS} pixels; make it smaller") from None
    except _FAULTS as error:
        raise ImageError(f"the {kind} image cannot be decoded ({error})") from None
    return size


def _check_size(num_bytes: int) -> None:
    if num_bytes > MOST_BYTES:
        raise ImageError(f"the image has {num_bytes} bytes; at most {MOST_BYTES} are allowed")


def _check_pixels(width: int, height: int) -> None:
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise ImageError(
            f"the image has {width}x{height} pixels; at most {MOST_PIXELS} are allowed, and"
            f" {LONGEST_SIDE} on a side"
        )
