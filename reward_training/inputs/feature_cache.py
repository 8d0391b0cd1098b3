"""Features of frozen towers, computed once and kept in the workspace.

    features/<backbone>/images/<hash>.safetensors    of images, known by SHA-256 of their files
    features/<backbone>/texts/<hash>.safetensors     of prompts, known by SHA-256 of their UTF-8

`<backbone>` is a digest of all that decides a feature's bits: the weights and their architecture,
the preprocessing, the kind of device and the libraries' versions (`backbones.digest_of_towers`).
Where one of them changes, another folder is begun and the old one is never read again; any folder
may be deleted at any time, and what is missing is computed anew.

A shard is written once, whole, and never altered: `features` (shard embedding) and `sha256` (shard
32), the bytes of the keys. Its name is SHA-256 of its own bytes, by which it is verified whenever
it is read: a damaged one is removed, one line says so, and its features are computed again. A
killed extraction goes on after its last whole shard, a later one adds what is new, and of two at
once both may compute the same, of which either copy is good.

Features that would be too many for memory, such as all tokens of an image, stay in their shards and
are read from there (`locate`); theirs are smaller shards, for a kill costs no more than one.

On a CPU inputs pass through a tower one by one, for what shares a batch changes the last bits of
a feature: kept features equal fresh ones bit for bit, whatever was kept before.
"""

import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, Float16, Int, UInt8
from safetensors import safe_open
from safetensors.torch import load, save
from torch import Tensor

from data.errors import RewardError
from data.files import remove_leftovers, sha256_of, write_atomically

SHARD = 256
"""Features that are written together; a kill costs no more of them."""
SMALL_SHARD = 32
"""Of those that stay in their shards."""
_SUFFIX = ".safetensors"
_FEATURES, _KEYS = "features", "sha256"
_KEY_BYTES = 32
_MAY_NOT_WRITE = (errno.EACCES, errno.EPERM, errno.EROFS)

_log = logging.getLogger(__name__)

Compute = Callable[[Sequence[int]], Float[Tensor, "rows embedding"]]
"""From rows of the inputs to their features, on the CPU."""


@dataclass(frozen=True)
class FeatureCache:
    """The shards of one tower in a folder, which need not be there yet."""

    folder: Path

    def complete(
        self, keys: Sequence[str], width: int, compute: Compute
    ) -> Float[Tensor, "inputs {width}"]:
        """Return the features of distinct inputs; what is not kept is computed and kept.

        Raises `OSError` where the disk is full; in a folder that may not be written, which one
        line says, everything is computed and nothing kept.

        Args:
            keys: SHA-256 of every input, in hex.
            width: Of a feature.
            compute: Called for at most `SHARD` rows at a time.
        """
        found = torch.empty(len(keys), width)
        missing = self._look_up(keys, found)
        may_write = True
        for first in range(0, len(missing), SHARD):
            rows = missing[first : first + SHARD]
            found[rows] = compute(rows)
            if may_write:
                may_write = self._keep([keys[row] for row in rows], found[rows]) is not None
        return found

    def locate(
        self, keys: Sequence[str], compute: Callable[[Sequence[int]], Float16[Tensor, "rows ..."]]
    ) -> "StoredFeatures":
        """Keep what is not kept of distinct inputs, and return the features where they are.

        Raises `RewardError` in a folder that may not be written.

        Args:
            keys: SHA-256 of every input, in hex.
            compute: Called for at most `SMALL_SHARD` rows at a time.
        """
        wanted = {key: row for row, key in enumerate(keys)}
        where: dict[int, tuple[Path, int]] = {}
        for path, _, rows in self._shards(wanted):
            where |= {row: (path, place) for row, place in rows}
        missing = list(wanted.values())
        for first in range(0, len(missing), SMALL_SHARD):
            rows = missing[first : first + SMALL_SHARD]
            path = self._keep([keys[row] for row in rows], compute(rows))
            if path is None:
                raise RewardError(
                    f"{self.folder} may not be written, and this backbone's features of images are "
                    "too large for memory; expected a workspace that may be written"
                )
            where |= {row: (path, place) for place, row in enumerate(rows)}
        return StoredFeatures([where[row] for row in range(len(keys))])

    def _look_up(self, keys: Sequence[str], into: Float[Tensor, "inputs embedding"]) -> list[int]:
        """Fill in what is kept, a shard at a time, and return the rows of the rest."""
        wanted = {key: row for row, key in enumerate(keys)}
        for _, features, rows in self._shards(wanted):
            to, of = (torch.tensor(column) for column in zip(*rows, strict=True))
            into[to] = features[of]
        return list(wanted.values())

    def _shards(
        self, wanted: dict[str, int]
    ) -> Iterator[tuple[Path, Tensor, list[tuple[int, int]]]]:
        """Yield each shard that holds wanted features, with their rows and their places in it.

        What was found is no longer wanted.
        """
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            shard = _read(path)
            if shard is None:
                continue
            places = [(wanted.pop(key, None), place) for place, key in enumerate(_hex(shard))]
            rows = [(row, place) for row, place in places if row is not None]
            if rows:
                yield path, shard[_FEATURES], rows

    def _keep(self, keys: Sequence[str], features: Float[Tensor, "rows ..."]) -> Path | None:
        """Write a shard and return where it is; None where that is not allowed."""
        ids = torch.frombuffer(bytearray.fromhex("".join(keys)), dtype=torch.uint8)
        raw = save({_FEATURES: features.contiguous(), _KEYS: ids.view(-1, _KEY_BYTES)})
        try:
            path = self.folder / f"{sha256_of(raw)}{_SUFFIX}"
            write_atomically(path, raw)
            remove_leftovers(self.folder)
        except OSError as error:
            if error.errno not in _MAY_NOT_WRITE:
                raise
            _log.warning("%s may not be written: features are not kept", self.folder)
            return None
        return path


@dataclass(frozen=True)
class StoredFeatures:
    """Features in their shards, of which a call reads those that it is asked for, each once."""

    places: list[tuple[Path, int]]
    """Shard of each row, and place in it."""

    def __call__(self, rows: Int[Tensor, " rows"]) -> Float16[Tensor, "rows ..."]:
        """Read features; rows may repeat."""
        distinct, back = rows.cpu().unique(return_inverse=True)
        read: dict[int, Tensor] = {}
        by_shard: dict[Path, list[int]] = {}
        for row in distinct.tolist():
            by_shard.setdefault(self.places[row][0], []).append(row)
        for path, wanted in by_shard.items():
            with safe_open(path, framework="pt") as shard:
                features = shard.get_slice(_FEATURES)
                read |= {row: features[self.places[row][1]] for row in wanted}
        return torch.stack([read[row] for row in distinct.tolist()]).index_select(0, back)


def _read(path: Path) -> dict[str, Tensor] | None:
    """Return a shard's content; a damaged one is removed, and is None as is a missing one."""
    try:
        raw = path.read_bytes()
        if sha256_of(raw) == path.stem:
            return load(raw)
        _log.warning("%s is damaged; its features are computed again", path)
        path.unlink(missing_ok=True)
    except FileNotFoundError:  # another fit found it damaged
        pass
    return None


def _hex(shard: dict[str, Tensor]) -> list[str]:
    """Return the keys of a shard."""
    ids: UInt8[Tensor, "shard 32"] = shard[_KEYS]
    text = ids.numpy().tobytes().hex()
    return [text[first : first + 2 * _KEY_BYTES] for first in range(0, len(text), 2 * _KEY_BYTES)]
