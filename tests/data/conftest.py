"""A small workspace with a round of pairs in it, and Python processes beside this one."""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from postgres_server import Server

from data.records import Choice, Comparison, Image, Pair, Policy, Prompt, Rater, RaterKind, Sampler
from data.store import Store
from data.store_address import STORE_VARIABLE, engine_of
from data.workspace import Workspace

SAMPLER = Sampler(scheduler="ddim", num_steps=20, guidance=5.0, eta=1.0, width=1, height=1)


def tiny_png(seed: int) -> bytes:
    """Return a whole PNG of one grey pixel; the seed stands in a comment so that each differs."""

    def chunk(name: bytes, body: bytes) -> bytes:
        check = zlib.crc32(name + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + name + body + check

    header = (1).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    pixels = zlib.compress(bytes([0, seed % 256]))
    note = chunk(b"tEXt", b"seed\0%d" % seed)
    body = chunk(b"IHDR", header) + note + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def fill(workspace: Workspace, num_pairs: int = 6, round_number: int = 1) -> None:
    """Add one prompt, one policy, one person and `num_pairs` pairs of images with their files."""
    store = workspace.store()
    prompt = Prompt.new("Four wolves in the park.", family="count", prompt_set="paper")
    store.add_prompts([prompt])
    store.add_policy(Policy(name="base", base="somewhere"))
    store.add_rater(Rater.new("ann", RaterKind.PERSON))
    seeds = range(1000 * round_number, 1000 * round_number + 2 * num_pairs)
    images = [
        Image.new(
            sha256=workspace.save_image(tiny_png(seed)),
            policy="base",
            prompt_id=prompt.prompt_id,
            seed=seed,
            sampler=SAMPLER,
            round=round_number,
        )
        for seed in seeds
    ]
    store.add_images(images)
    store.add_pairs(
        [
            Pair.new(
                round=round_number,
                prompt_id=prompt.prompt_id,
                image_a=a.image_id,
                image_b=b.image_id,
            )
            for a, b in zip(images[::2], images[1::2], strict=True)
        ]
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked so on both databases."""
    if metafunc.definition.get_closest_marker("both_engines") and "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", ["duckdb", "postgresql"], indirect=True)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """Name of the database under the store."""
    return getattr(request, "param", "duckdb")


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = Workspace.create(tmp_path_factory.mktemp("filled") / "workspace")
    fill(made)
    return made


@pytest.fixture(scope="session")
def filled_database(postgres: Server, filled: Workspace) -> str:
    """Name of a database that a filled store is in."""
    url = postgres.make()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(STORE_VARIABLE, url)
        Store.create(engine_of(filled.root))
        fill(filled)
    return urlsplit(url).path[1:]


@pytest.fixture
def workspace(
    engine: str, filled: Workspace, tmp_path: Path, request: pytest.FixtureRequest
) -> Workspace:
    root = tmp_path / "workspace"
    shutil.copytree(filled.root, root)
    if engine == "postgresql":
        database = request.getfixturevalue("filled_database")
        url = request.getfixturevalue("postgres").make(template=database)
        (root / "preferences.duckdb").unlink()
        (root / "store.yaml").write_text(f"url: {url}")
    return Workspace(root)


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return workspace.store()


@pytest.fixture
def ann(store: Store) -> Rater:
    return store.raters()[0]


@pytest.fixture
def choose(store: Store, ann: Rater) -> Callable[..., Comparison]:
    """Make a comparison of Ann's on one pair; nothing is recorded yet."""

    def make(pair: Pair, choice: Choice = Choice.LEFT, **values: object) -> Comparison:
        given = {"rater_id": ann.rater_id, "shown_left": pair.image_a, **values}
        return Comparison.new(pair_id=pair.pair_id, choice=choice, **given)  # type: ignore[arg-type]

    return make


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a Python process that runs a script's text with arguments."""

    def start(script: str, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    return start


@pytest.fixture
def refill() -> Callable[..., None]:
    return fill


@pytest.fixture
def png() -> Callable[[int], bytes]:
    return tiny_png
