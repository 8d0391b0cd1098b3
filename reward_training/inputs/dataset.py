"""The comparisons of a snapshot as tensors: unique images, unique prompts, who was preferred.

Of every comparison that a rater did not skip: left or right becomes "a" or "b" (the snapshot has
already undone the sides). Comparisons on unseen prompts are left
out: no reward model is ever trained on those.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.nn import functional

from data.errors import ImageError, RewardError
from data.records import Aspect, ChosenBy
from data.snapshot import Snapshot, SnapshotRow
from reward_training.inputs.outcomes import DECIDED, NUM_OUTCOMES, OUTCOME_OF_CHOICE


@dataclass(frozen=True)
class Comparisons:
    """Comparisons by row; images and prompts are rows of lists that all subsets share."""

    image_a: Int[Tensor, " pairs"]
    image_b: Int[Tensor, " pairs"]
    prompt: Int[Tensor, " pairs"]
    outcome: Int[Tensor, " pairs"]
    raters: list[str]
    """Who compared."""
    rater_kinds: list[str]
    families: list[str]
    rounds: list[int]
    by_chance: Bool[Tensor, " pairs"]
    """Whether chance alone chose the pair, and not what its answer was expected to tell."""
    weight: Float[Tensor, " pairs"]
    """How much each counts in the loss, 1 in the mean."""
    aspects: list[Aspect]
    """What was asked."""
    images: list[str]
    """SHA-256 of every image, in the order that `image_a` and `image_b` count in."""
    prompts: list[str]
    """Texts, in the order that `prompt` counts in."""

    @classmethod
    def from_snapshot(
        cls, snapshot: Snapshot, *aspects: Aspect, exclude_raters: Sequence[str] = ()
    ) -> "Comparisons":
        """Collect the usable comparisons; `RewardError` where a fit could learn nothing of one."""
        rows = [row for row in snapshot.rows() if row.aspect in aspects and row.split != "unseen"]
        rows = _without_raters(rows, exclude_raters)
        used = [row for row in rows if row.choice in OUTCOME_OF_CHOICE]
        for aspect in aspects:
            own, own_used = ([r for r in of if r.aspect == aspect] for of in (rows, used))
            _refuse_hopeless(snapshot, own, own_used, aspect)
        images = _numbered([image for row in used for image in (row.image_a, row.image_b)])
        prompts = _numbered([row.prompt for row in used])
        return cls(
            image_a=torch.tensor([images[row.image_a] for row in used]),
            image_b=torch.tensor([images[row.image_b] for row in used]),
            prompt=torch.tensor([prompts[row.prompt] for row in used]),
            outcome=torch.tensor([OUTCOME_OF_CHOICE[row.choice] for row in used]),
            raters=[row.rater_id for row in used],
            rater_kinds=[str(row.rater_kind) for row in used],
            families=[row.family for row in used],
            rounds=[row.round for row in used],
            by_chance=torch.tensor([row.chosen_by is ChosenBy.CHANCE for row in used]),
            weight=torch.ones(len(used)),
            aspects=[row.aspect for row in used],
            images=list(images),
            prompts=list(prompts),
        )

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, rows: Int[Tensor, " rows"]) -> "Comparisons":
        """Return the comparisons of these rows."""
        places = rows.tolist()
        return replace(
            self,
            image_a=self.image_a[rows],
            image_b=self.image_b[rows],
            prompt=self.prompt[rows],
            outcome=self.outcome[rows],
            raters=[self.raters[row] for row in places],
            rater_kinds=[self.rater_kinds[row] for row in places],
            families=[self.families[row] for row in places],
            rounds=[self.rounds[row] for row in places],
            by_chance=self.by_chance[rows],
            weight=self.weight[rows],
            aspects=[self.aspects[row] for row in places],
        )

    @property
    def asked(self) -> tuple[Aspect, ...]:
        """What was asked in some of them, in the order of `Aspect`."""
        return tuple(aspect for aspect in Aspect if aspect in self.aspects)

    def rows_about(self, aspect: Aspect) -> Int[Tensor, " rows"]:
        """Return the rows of the comparisons that asked this."""
        rows = [row for row, asked in enumerate(self.aspects) if asked == aspect]
        return torch.tensor(rows, dtype=torch.long)

    def with_equal_prompts(self) -> "Comparisons":
        """Let every prompt count the same for what was asked, however often it was compared."""
        weight = torch.empty(len(self))
        for aspect in self.asked:
            rows = self.rows_about(aspect)
            _, row_of, number = self.prompt[rows].unique(return_inverse=True, return_counts=True)
            weight[rows] = len(rows) / (len(number) * number[row_of])
        return replace(self, weight=weight)

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
                upright = ImageOps.exif_transpose(picture)  # as browsers show it
                pixels = np.asarray(upright.convert("RGB"), dtype=np.float32) / 255
        except (UnidentifiedImageError, OSError, SyntaxError) as error:
            raise ImageError(
                f"image {sha256[:12]} of snapshot {snapshot.hash} is not a picture ({error}); "
                "generate it again or take a new snapshot without it"
            ) from None
        yield torch.from_numpy(pixels).permute(2, 0, 1)


def _numbered(keys: list[str]) -> dict[str, int]:
    """Number the distinct keys in sorted order, so that the order of rows does not matter."""
    return {key: number for number, key in enumerate(sorted(set(keys)))}


def _without_raters(rows: list[SnapshotRow], excluded: Sequence[str]) -> list[SnapshotRow]:
    """Leave out the comparisons of some raters; `RewardError` for one who made none."""
    known = sorted({row.rater_id for row in rows})
    for rater in excluded:
        if rater not in known:
            raise RewardError(
                f"exclude_raters: nobody of the id {rater!r} compared; expected some of "
                f"{', '.join(known)}"
            )
    return [row for row in rows if row.rater_id not in excluded]


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
        raise RewardError(
            f"all {len(rows)} comparisons on {aspect} of {what} were skipped; compare more pairs"
        )
    if not decided:
        raise RewardError(
            f"all {len(used)} comparisons on {aspect} of {what} are ties or both bad, from which "
            "no order can be learned; compare more pairs"
        )
    if len(prompts) < 2:
        raise RewardError(
            f"expected decided comparisons on at least 2 prompts, one to learn from and one to "
            f"measure on, got {len(decided)} on {next(iter(prompts))[:60]!r} alone in {what}; "
            "compare pairs of other prompts"
        )
