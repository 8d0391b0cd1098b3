"""From a table into a workspace: every row and image is checked, then all is added at once."""

import contextlib
import fcntl
from collections.abc import Iterable, Iterator
from pathlib import Path

from data import rows
from data.errors import ExchangeError, ImageError, TastemakerError, WorkspaceError
from data.exchange.folder import read_pairs
from data.exchange.format import Format
from data.exchange.gathering import Content, Gathering, Origin
from data.exchange.known import known_in
from data.exchange.outcome import Imported, outcome_of
from data.exchange.pictures import check_picture, read_source
from data.exchange.reading import read_rows
from data.exchange.record import ExchangedComparison, ImageSource
from data.files import sha256_of
from data.records import IMPORTED, Image
from data.workspace import Workspace


def import_table(workspace: Workspace, file: Path, form: Format, origin: Origin) -> Imported:
    """Add the comparisons of a table, whose paths lead below its folder, or nothing.

    An `ExchangeError` names the file, the row and the reason; store and images are as before then.
    """
    with naming(file):
        return import_comparisons(workspace, form.read(read_rows(file)), file.parent, origin)


def import_folder(workspace: Workspace, folder: Path, table: Path, origin: Origin) -> Imported:
    """Add the pairs of a folder of images and its table, as `read_pairs` has it, or nothing."""
    if not folder.is_dir():
        raise ExchangeError(f"{folder}: no such folder; expected one with images")
    with naming(table):
        return import_comparisons(workspace, read_pairs(table), folder, origin)


def import_comparisons(
    workspace: Workspace,
    comparisons: Iterable[ExchangedComparison],
    folder: Path,
    origin: Origin,
) -> Imported:
    """Add comparisons whose images are bytes or files below `folder`, all or none."""
    with alone(workspace), _Images(workspace, folder) as images:
        gathering = Gathering(origin, known_in(workspace.store(), origin.source))
        for given in comparisons:
            gathering.add(
                given, images.take(given, given.image_a), images.take(given, given.image_b)
            )
        return _record(workspace, gathering)


@contextlib.contextmanager
def naming(file: Path) -> Iterator[None]:
    """Let errors begin with the file's name."""
    try:
        yield
    except ExchangeError as error:
        said = str(error)
        raise ExchangeError(said if said.startswith(str(file)) else f"{file}, {said}") from None


class _Images:
    """Checks images and saves them; those that are new are removed again if the import fails.

    Those alone that the store does not know: it may have recorded them before it was interrupted.
    If it cannot be asked, they all stay.
    """

    def __init__(self, workspace: Workspace, folder: Path) -> None:
        self._workspace = workspace
        self._folder = folder
        self._known: dict[str, Content] = {}
        self._new: list[Path] = []

    def __enter__(self) -> "_Images":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None or not self._new:
            return
        with contextlib.suppress(TastemakerError):
            for path in self._unrecorded():
                path.unlink(missing_ok=True)
                with contextlib.suppress(OSError):  # other images are in it
                    path.parent.rmdir()

    def _unrecorded(self) -> list[Path]:
        hashes = [path.stem for path in self._new]
        # As a writer, who waits for a transaction whose end was not seen.
        with self._workspace.store().writing() as connection:
            known = {image.sha256 for image in rows.IMAGES.select(connection, sha256=hashes)}
        return [path for path in self._new if path.stem not in known]

    def take(self, given: ExchangedComparison, source: ImageSource) -> Content:
        """Return what an image is, decoded the first time that it comes."""
        try:
            raw = read_source(source, self._folder)
            sha256 = sha256_of(raw)
            if sha256 not in self._known:
                width, height = check_picture(raw)
                self._save(raw, sha256)
                self._known[sha256] = Content(sha256, width, height)
        except ImageError as error:
            raise ExchangeError(f"row {given.row}: {error}") from None
        return self._known[sha256]

    def _save(self, raw: bytes, sha256: str) -> None:
        is_new = not self._workspace.image_path(sha256).exists()
        self._workspace.save_image(raw)
        if is_new:
            self._new.append(self._workspace.image_path(sha256))


def _record(workspace: Workspace, gathering: Gathering) -> Imported:
    store, batch = workspace.store(), gathering.batch()
    if not batch.pairs and not gathering.num_known:
        raise ExchangeError("it has no pairs; expected at least one")
    _refuse_own_images(workspace, gathering.images())
    known_pairs = {pair.pair_id for pair in store.pairs()}
    num_pairs = sum(pair.pair_id not in known_pairs for pair in batch.pairs)
    store.add_batch(batch)
    return outcome_of(store, batch, num_known=gathering.num_known, num_pairs=num_pairs)


def _refuse_own_images(workspace: Workspace, images: Iterable[Image]) -> None:
    """Refuse what was exported here: the same comparisons would count twice."""
    ours = {
        image.sha256: image
        for image in workspace.store().images()
        if image.sampler.scheduler != IMPORTED
    }
    for image in images:
        if own := ours.get(image.sha256):
            raise ExchangeError(
                f"image {own.image_id} of it is this workspace's own, by policy {own.policy}; for"
                " comparisons of its own pairs: `tastemaker import FILE` without --format"
            )


@contextlib.contextmanager
def alone(workspace: Workspace) -> Iterator[None]:
    """Let one import at a time into a workspace, for a failing one removes images that it added."""
    with (workspace.root / ".import.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkspaceError(
                f"another import into {workspace.root} is under way; wait for it to end"
            ) from None
        yield
