"""The workspace: one folder with everything of one project in it."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from data.errors import ImageError, WorkspaceError
from data.files import sha256_of, write_atomically
from data.image_files import SUFFIX_OF_MEDIA_TYPE, check_whole
from data.store import Store
from data.store_address import (
    FILE_NAME,
    another_workspaces,
    check_same,
    engine_of,
    has_store,
    own_address,
    refuse_instead_of_file,
    remember,
)

WORKSPACE_VARIABLE = "TASTEMAKER_WORKSPACE"
DEFAULT_ROOT = Path("workspace")
_DRAWN_AGAIN = (
    "`tastemaker round` draw it again, unless it was imported or the settings have changed since"
)

_LOOKED_AT = 100
"""Images by which a store is known to be the folder's: a lost one must not make it another's."""


class Workspace:
    """The paths under `root`, the store in it, and its content-addressed images."""

    def __init__(self, root: Path) -> None:
        """Name the folder; nothing is made or looked at yet."""
        self.root = root

    @classmethod
    def create(cls, root: Path) -> "Workspace":
        """Make a workspace with an empty store, or open the one that is there."""
        workspace, engine = cls(root), engine_of(root)
        if root.exists() and not root.is_dir():
            raise WorkspaceError(f"{root} is a file; choose a folder for the workspace")
        check_same(root, engine)
        store = Store.create(engine)
        if not has_store(root) and store.policies():
            raise WorkspaceError(
                f"{store.place} is another workspace's store; name that workspace's folder with"
                " --workspace, or choose an empty database"
            )
        remember(root, engine)
        for folder in (
            workspace.images_dir,
            workspace.snapshots,
            workspace.rewards,
            workspace.policies,
            workspace.runs,
            workspace.report,
        ):
            folder.mkdir(exist_ok=True)
        return workspace

    @classmethod
    def open(cls, root: Path) -> "Workspace":
        """Open an existing workspace or raise `WorkspaceError`; an older store is migrated.

        A database that was asked for never takes the place of a file in the folder; that of another
        workspace is refused, which is known by images that are not here.
        """
        workspace = cls(root)
        if not (workspace.images_dir.is_dir() or workspace.store_path.is_file()):
            raise WorkspaceError(
                f"no workspace at {root}; make one with `tastemaker init {workspace_option(root)}`"
            )
        refuse_instead_of_file(root)
        store = workspace.store()
        own = own_address(root, store.place)
        if own is not None and workspace._has_none_of(store.newest_hashes(_LOOKED_AT)):
            raise another_workspaces(root, own)
        return workspace

    @property
    def store_path(self) -> Path:
        """The DuckDB file, where the store is one."""
        return self.root / FILE_NAME

    @property
    def config_path(self) -> Path:
        """The workspace's defaults."""
        return self.root / "workspace.yaml"

    @property
    def images_dir(self) -> Path:
        """Originals, by their hash."""
        return self.root / "images"

    @property
    def snapshots(self) -> Path:
        """Snapshots, by their hash."""
        return self.root / "snapshots"

    @property
    def features(self) -> Path:
        """What frozen towers made of images and prompts; may be deleted, and is computed again."""
        return self.root / "features"

    @property
    def rewards(self) -> Path:
        """Reward models, by name."""
        return self.root / "rewards"

    @property
    def policies(self) -> Path:
        """Adapters, by the policy's name."""
        return self.root / "policies"

    @property
    def runs(self) -> Path:
        """Run folders, by id."""
        return self.root / "runs"

    @property
    def report(self) -> Path:
        """The report's folder."""
        return self.root / "report"

    def store(self, *, linger_s: float = 0.0) -> Store:
        """Open the store: see `Store.open`, and `engine_of` for how long it stays open."""
        return Store.open(engine_of(self.root, linger_s=linger_s))

    def image_path(self, sha256: str) -> Path:
        """Return where the image of that hash lies; a missing one is expected as a PNG."""
        named = self.images_dir / sha256[:2] / f"{sha256}.png"
        paths = [named.with_suffix(suffix) for suffix in SUFFIX_OF_MEDIA_TYPE.values()]
        return next((path for path in paths if path.is_file()), named)

    def _has_none_of(self, hashes: Sequence[str]) -> bool:
        """Say whether there are images and no file of any of them."""
        return bool(hashes) and not any(self.image_path(each).is_file() for each in hashes)

    def save_image(self, raw: bytes) -> str:
        """Write a PNG, JPEG or WEBP image as it is under its hash, once, and return the hash.

        Bytes that are not a whole one are an `ImageError`. A damaged file of that hash is replaced.
        """
        suffix = SUFFIX_OF_MEDIA_TYPE[check_whole(raw)]
        sha256 = sha256_of(raw)
        path = self.images_dir / sha256[:2] / f"{sha256}{suffix}"
        if not (path.is_file() and sha256_of(path) == sha256):
            write_atomically(path, raw)
        return sha256

    def read_image(self, sha256: str) -> bytes:
        """Return an image's original bytes, or raise `ImageError` if missing or altered."""
        path = self.image_path(sha256)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            raise ImageError(
                f"image {sha256} is missing; restore {path} from a backup, or let {_DRAWN_AGAIN}"
            ) from None
        if sha256_of(raw) != sha256:
            raise ImageError(
                f"{path} is damaged: its {len(raw)} bytes are not those of its name;"
                f" restore it from a backup, or delete it and let {_DRAWN_AGAIN}"
            )
        return raw


def resolve_root(argument: Path | None = None) -> Path:
    """Return the folder: the one asked for, else $TASTEMAKER_WORKSPACE, else ./workspace."""
    return argument or Path(os.environ.get(WORKSPACE_VARIABLE) or DEFAULT_ROOT)


def workspace_option(root: Path) -> str:
    """Return `--workspace FOLDER` as it must be typed in a shell."""
    return f"--workspace {shlex.quote(str(root))}"
