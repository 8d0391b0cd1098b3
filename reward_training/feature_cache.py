"""Features of frozen towers, computed once and kept in the workspace.

    features/<backbone>/images/<hash>.safetensors    of images, known by SHA-256 of their files
    features/<backbone>/texts/<hash>.safetensors     of prompts, known by SHA-256 of their UTF-8

`<backbone>` is a digest of all that decides a feature's bits: the weights, the preprocessing, the
kind of device and the libraries' versions (`backbones.digest_of_towers`). Where one of them
changes, another folder is begun and the old one is never read again; any folder may be deleted at
any time, and what is missing is computed anew.

A shard is written once, whole, and never altered: `features` (shard embedding) and `sha256` (shard
32), the bytes of the keys. Its name is SHA-256 of its own bytes, by which it is verified whenever
it is read: a damaged one is removed, one line says so, and its features are computed again. A
killed extraction goes on after its last whole shard, a later one adds what is new, and of two at
once both may compute the same, of which either copy is good.

On a CPU inputs pass through a tower one by one, for what shares a batch changes the last bits of
a feature: kept features equal fresh ones bit for bit, whatever was kept before.
"""

import errno
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load, save
from torch import Tensor

from data.files import remove_leftovers, sha256_of, write_atomically

SHARD = 256
"""Features that are written together; a kill costs no more of them."""
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
            may_write = may_write and self._keep([keys[row] for row in rows], found[rows])
        return found

    def _look_up(self, keys: Sequence[str], into: Float[Tensor, "inputs embedding"]) -> list[int]:
        """Fill in what is kept, a shard at a time, and return the rows of the rest."""
        wanted = {key: row for row, key in enumerate(keys)}
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            shard = _read(path)
            if shard is None:
                continue
            places = [(wanted.pop(key, None), place) for place, key in enumerate(_hex(shard))]
            rows = [(row, place) for row, place in places if row is not None]
            if rows:
                to, of = (torch.tensor(column) for column in zip(*rows, strict=True))
                into[to] = shard[_FEATURES][of]
        return list(wanted.values())

    def _keep(self, keys: Sequence[str], features: Float[Tensor, "rows embedding"]) -> bool:
        """Write a shard, and say whether that is allowed."""
        ids = torch.frombuffer(bytearray.fromhex("".join(keys)), dtype=torch.uint8)
        raw = save({_FEATURES: features.contiguous(), _KEYS: ids.view(-1, _KEY_BYTES)})
        try:
            write_atomically(self.folder / f"{sha256_of(raw)}{_SUFFIX}", raw)
            remove_leftovers(self.folder)
        except OSError as error:
            if error.errno not in _MAY_NOT_WRITE:
                raise
            _log.warning("%s may not be written: features are not kept", self.folder)
            return False
        return True


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
