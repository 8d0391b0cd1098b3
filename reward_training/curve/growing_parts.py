"""Fits on growing parts of the comparisons, each measured on the same held-out prompts.

Comparisons are drawn at random within each fold's training part, the smaller part always from the
larger; so a curve speaks of more comparisons like these, on more prompts like these.
"""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from tqdm import tqdm

from data.files import digest, write_atomically
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.split import Fold
from reward_training.learning.checkpoint import Checkpoint, Look
from reward_training.learning.joint_training import JointFitting
from reward_training.learning.selection import Selection, select
from reward_training.learning.training import Fitting

FEWEST = 8
"""Comparisons below which no part is fitted."""

Rows = Int[Tensor, " rows"]


@dataclass(frozen=True)
class Part:
    """What came of learning from a part of the comparisons."""

    size: float
    """Comparisons learned from, mean over the folds."""
    selection: Selection


def parts_of(fold: Fold, num_sizes: int, generator: np.random.Generator) -> list[Rows]:
    """Return ever larger parts of a fold's rows to learn from, the last with all of them.

    Each has half of the rows of the next and is within it; those of less than eight are left out.
    """
    order = torch.from_numpy(generator.permutation(len(fold.train)))
    sizes = [round(len(order) / 2**halvings) for halvings in reversed(range(num_sizes))]
    kept = [size for size in sizes if size >= FEWEST] or sizes[-1:]
    return [fold.train[order[:size]].sort().values for size in kept]


@dataclass(frozen=True)
class PartFits:
    """Fits without each fold's prompts; what is done is kept in a folder and not done again."""

    fitting: Fitting | JointFitting
    comparisons: Comparisons
    folds: Sequence[Fold]
    folder: Path
    key: str
    """Digest of all that decides the result."""

    def on_growing_parts(self, num_sizes: int, generator: np.random.Generator) -> list[Part]:
        """Fit on every part, from the smallest to all there is."""
        of_folds = [parts_of(fold, num_sizes, generator) for fold in self.folds]
        number = min(len(parts) for parts in of_folds)
        total = number * len(self.folds)
        bars = self.fitting.processes.hides_bars
        with tqdm(desc="learning curve", total=total, unit="fit", disable=bars) as bar:
            sizes = zip(*(parts[-number:] for parts in of_folds), strict=True)
            return [self._part(rows, bar) for rows in sizes]

    def _part(self, of_folds: Sequence[Rows], bar: "tqdm[Any]") -> Part:
        """Fit once without each fold."""
        size = float(np.mean([len(rows) for rows in of_folds]))
        looks = []
        for number, rows in enumerate(of_folds, start=1):
            title = f"{len(rows)} comparisons, fold {number} of {len(self.folds)}"
            looks.append(self._looks(rows, self.folds[number - 1], title))
            bar.update()
        return Part(size, select(self.comparisons, list(self.folds), looks))

    def _looks(self, rows: Rows, fold: Fold, title: str) -> list[Look]:
        """Return what held-out comparisons said while the rows were learned from."""
        key = digest([self.key, rows.tolist()])
        kept = self.folder / f"{key}.looks"
        if kept.is_file():
            return _read_looks(kept)
        # Weights and optimiser are large: one checkpoint at a time, of the fit under way.
        checkpoint = Checkpoint(self.folder / "fit.pt", key)
        looks = self.fitting.train(
            self.comparisons.take(rows),
            self.comparisons.take(fold.held_out),
            num_updates=self.fitting.config.num_updates,
            checkpoint=checkpoint,
            title=title,
        ).looks
        self.fitting.processes.from_main(lambda: _write_looks(kept, looks, checkpoint.path))
        return looks


def _write_looks(path: Path, looks: Sequence[Look], checkpoint: Path) -> None:
    """Keep what was seen, in place of the checkpoint."""
    content = io.BytesIO()
    torch.save([asdict(look) for look in looks], content)
    write_atomically(path, content.getvalue())
    checkpoint.unlink(missing_ok=True)


def _read_looks(path: Path) -> list[Look]:
    return [Look(**look) for look in torch.load(path, map_location="cpu", weights_only=True)]
