"""The comparisons of a snapshot as tensors: unique images, unique prompts, who was preferred.

Of every comparison that a rater did not skip: left or right becomes "a" or "b" (the snapshot has
already undone the sides). Comparisons on unseen prompts are left
out: no reward model is ever trained on those.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional

from data.errors import ImageError, RewardError
from data.records import Aspect
from data.snapshot import Snapshot, SnapshotRow
from reward_training.outcomes import DECIDED, NUM_OUTCOMES, OUTCOME_OF_CHOICE


@dataclass(frozen=True)
class Comparisons:
    """Comparisons by row; images and prompts are rows of lists that all subsets share."""

    image_a: Int[Tensor, " pairs"]
    image_b: Int[Tensor, " pairs"]
    prompt: Int[Tensor, " pairs"]
    outcome: Int[Tensor, " pairs"]
    rater_kinds: list[str]
    families: list[str]
    raters: list[str]
    rounds: list[int]
    images: list[str]
    """SHA-256 of every image, in the order that `image_a` and `image_b` count in."""
    prompts: list[str]
    """Texts, in the order that `prompt` counts in."""

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot, aspect: Aspect) -> "Comparisons":
        """Collect the usable comparisons; `RewardError` where a fit could learn nothing."""
        rows = [row for row in snapshot.rows() if row.aspect == aspect and row.split != "unseen"]
        used = [row for row in rows if row.choice in OUTCOME_OF_CHOICE]
        _refuse_hopeless(snapshot, rows, used, aspect)
        images = _numbered([image for row in used for image in (row.image_a, row.image_b)])
        prompts = _numbered([row.prompt for row in used])
        return cls(
            image_a=torch.tensor([images[row.image_a] for row in used]),
            image_b=torch.tensor([images[row.image_b] for row in used]),
            prompt=torch.tensor([prompts[row.prompt] for row in used]),
            outcome=torch.tensor([OUTCOME_OF_CHOICE[row.choice] for row in used]),
            rater_kinds=[str(row.rater_kind) for row in used],
            families=[row.family for row in used],
            raters=[row.rater_id for row in used],
            rounds=[row.round for row in used],
            images=list(images),
            prompts=list(prompts),
        )

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, rows: Int[Tensor, " rows"]) -> "Comparisons":
        """Return the comparisons of these rows."""
        return replace(
            self,
            image_a=self.image_a[rows],
            image_b=self.image_b[rows],
            prompt=self.prompt[rows],
            outcome=self.outcome[rows],
            rater_kinds=[self.rater_kinds[row] for row in rows.tolist()],
            families=[self.families[row] for row in rows.tolist()],
            raters=[self.raters[row] for row in rows.tolist()],
            rounds=[self.rounds[row] for row in rows.tolist()],
        )

    @property
    def targets(self) -> Float[Tensor, "pairs 4"]:
        """What was chosen as a distribution over (a, b, tie, both bad)."""
        return functional.one_hot(self.outcome, NUM_OUTCOMES).float()

    def pictures(self) -> tuple[Int[Tensor, " pictures"], Int[Tensor, " pictures"]]:
        """Return every (image, prompt) that was compared, once, as two columns."""
        shown = torch.cat([self.image_a, self.image_b])
        both = torch.stack([shown, self.prompt.repeat(2)], dim=1).unique(dim=0)
        return both[:, 0], both[:, 1]


def read_images(snapshot: Snapshot, images: list[str]) -> Iterator[Float[Tensor, "3 _ _"]]:
    """Decode images one by one to RGB in [0, 1]; `ImageError` names one that cannot be read."""
    for sha256 in images:
        raw = snapshot.image_bytes(sha256)
        try:
            with Image.open(io.BytesIO(raw)) as picture:
                pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise ImageError(
                f"image {sha256[:12]} of snapshot {snapshot.hash} is not a picture ({error}); "
                "generate it again or take a new snapshot without it"
            ) from None
        yield torch.from_numpy(pixels).permute(2, 0, 1)


def _numbered(keys: list[str]) -> dict[str, int]:
    """Number the distinct keys in sorted order, so that the order of rows does not matter."""
    return {key: number for number, key in enumerate(sorted(set(keys)))}


def _refuse_hopeless(
    snapshot: Snapshot, rows: list[SnapshotRow], used: list[SnapshotRow], aspect: Aspect
) -> None:
    """Say in one line why these comparisons cannot teach a reward, if they cannot."""
    what = f"snapshot {snapshot.hash}"
    decided = [row for row in used if OUTCOME_OF_CHOICE[row.choice] in DECIDED]
    prompts = {row.prompt for row in decided}
    if not rows:
        raise RewardError(
            f"{what} has no comparisons on {aspect} of training prompts; compare some first"
        )
    if not used:
        raise RewardError(f"all {len(rows)} comparisons of {what} were skipped; compare more pairs")
    if not decided:
        raise RewardError(
            f"all {len(used)} comparisons of {what} are ties or both bad, from which no order "
            "can be learned; compare more pairs"
        )
    if len(prompts) < 2:
        raise RewardError(
            f"expected decided comparisons on at least 2 prompts, one to learn from and one to "
            f"measure on, got {len(decided)} on {next(iter(prompts))[:60]!r} alone in {what}; "
            "compare pairs of other prompts"
        )
