"""The route `/img/<sha256>`: an image's original bytes, as they lie in the workspace.

`st.image` would turn PNG into JPEG and shrink what is wide, and so hide the flaws being judged.
"""

import re
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from data.errors import TastemakerError
from data.image_files import media_type_of
from data.workspace import Workspace
from labeling_app import access

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEADERS = {
    # The name is the content: a browser need never ask twice.
    "Cache-Control": "private, max-age=31536000, immutable",
    "X-Content-Type-Options": "nosniff",
}


def image_route(root: Callable[[], Path]) -> Route:
    """Make the route that serves the images of the workspace at `root()`, nothing else of it."""

    def image(request: Request) -> Response:
        sha256 = request.path_params["sha256"]
        if not _SHA256.fullmatch(sha256):
            return PlainTextResponse("expected 64 hexadecimal digits", status_code=404)
        try:
            if not access.may_see(sha256, request.query_params.get("key", "")):
                return PlainTextResponse("log in to see this image", status_code=403)
            original = Workspace(root()).read_image(sha256)
            media_type = media_type_of(original)
        except TastemakerError as error:
            return PlainTextResponse(str(error), status_code=404)
        return Response(original, media_type=media_type, headers=_HEADERS)

    return Route("/img/{sha256}", image)
