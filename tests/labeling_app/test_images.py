import io
from pathlib import Path
from typing import Any, cast

import PIL.Image
import pytest
from starlette.requests import Request
from starlette.responses import Response

from data.workspace import Workspace
from labeling_app.images import image_route


def fetch(workspace: Workspace, name: str) -> Response:
    route = image_route(lambda: workspace.root)
    request = Request({"type": "http", "path_params": {"sha256": name}, "query_string": b""})
    return cast(Any, route.endpoint)(request)


def test_the_original_bytes_are_served(workspace: Workspace):
    for image in workspace.store().images():
        response = fetch(workspace, image.sha256)
        assert response.status_code == 200
        assert bytes(response.body) == workspace.read_image(image.sha256)
        assert response.media_type == "image/png"
        assert "immutable" in response.headers["cache-control"]


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_each_kind_of_image_has_its_media_type_whatever_its_name_says(
    workspace: Workspace, kind: str
):
    written = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), "red").save(written, kind)
    response = fetch(workspace, workspace.save_image(written.getvalue()))
    assert response.status_code == 200
    assert bytes(response.body) == written.getvalue()
    assert response.headers["content-type"] == f"image/{kind}"


@pytest.mark.parametrize(
    "name",
    ["../preferences.duckdb", "..", "a" * 63, "A" * 64, "g" * 64, "a" * 64 + "\n", "a" * 64],
)
def test_anything_but_the_hash_of_an_image_is_not_found(workspace: Workspace, name: str):
    assert fetch(workspace, name).status_code == 404


def test_a_damaged_image_is_not_served(workspace: Workspace):
    sha256 = workspace.store().images()[0].sha256
    workspace.image_path(sha256).write_bytes(b"\x89PNG\r\n\x1a\n something else")
    assert fetch(workspace, sha256).status_code == 404


def test_a_missing_workspace_is_not_found(tmp_path: Path):
    assert fetch(Workspace(tmp_path / "none"), "a" * 64).status_code == 404
