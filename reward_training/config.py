"""What a fit can be told. Imports no torch, so that `--help` comes at once."""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from data.errors import RewardError
from devices.choice import require_device_name

HeadKind = Literal["similarity", "linear", "mlp"]
HeadChoice = Literal["auto", "similarity", "linear", "mlp"]
TieModel = Literal["none", "davidson", "rao_kupper"]
TrainedPart = Literal["head", "text", "last", "lora", "all"]
RaterTrust = Literal["equal", "learned"]
Precision = Literal["fp32", "bf16"]
PromptWeight = Literal["comparisons", "equal"]
AspectChoice = Literal["auto", "overall", "alignment", "quality", "both"]

CLIP_SIMILARITY = "CLIP similarity"
"""What two towers are as a reward as long as nothing was trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """What is fitted."""

    train: TrainedPart = "text"
    """Weights that learn: "head" alone, "text" (text tower and head; the vision tower stays frozen
    and sees every image once), "last" (head and the last blocks of both towers), "lora" (head and
    low-rank adapters on all of both towers) or "all". With "head" and "text" features are kept."""
    blocks: float = 0.3
    """With train last: how much of each tower; below 1 a fraction, else a number of blocks."""
    rank: int = 8
    """With train lora: rank of the adapters."""
    head: HeadChoice = "auto"
    """"similarity": the cosine of image and text, or a BLIP's own score, times a learned scale;
    "linear": that plus a linear function of image and image times text, or of BLIP's feature of
    the pair, that starts at zero; "mlp": that plus a small network on the features that starts at
    zero. Of a text tower that is frozen the last two read what tells the compared prompts apart,
    whitened. "auto": similarity, or mlp where a scale alone could not do it: with train head, and
    with two outputs."""
    ties: TieModel = "davidson"
    """How equal pairs are explained: "davidson" or "rao_kupper" give ties a probability of their
    own, "none" counts a tie as half a choice for each image. "davidson" also learns from "both
    bad" that neither image is good enough; the others take it for a tie."""

    def __post_init__(self) -> None:
        if not self.blocks > 0:
            raise ValueError(f"blocks: expected more than 0, got {self.blocks}")
        if self.rank < 1:
            raise ValueError(f"rank: expected at least 1, got {self.rank}")
        if self.train == "head" and self.head == "similarity":
            raise ValueError(
                "train: expected text or all with head similarity, got head: "
                "a scale alone changes no order; choose head linear or mlp"
            )

    def head_of(self, num_outputs: int) -> HeadKind:
        """Return the kind of head of a reward with so many outputs.

        Raises `RewardError` where several outputs would have one and the same order.
        """
        if self.head == "auto":
            return "mlp" if self.train == "head" or num_outputs > 1 else "similarity"
        if self.head == "similarity" and num_outputs > 1:
            raise RewardError(
                "model.head: expected auto, linear or mlp with two outputs, got similarity: towers "
                "are shared, and a scale alone would give both outputs the same order"
            )
        return self.head


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingConfig:
    """How it is fitted."""

    seed: int = 0
    """Decides the split, the order of comparisons and the head's first weights."""
    num_updates: int = 300
    """Upper limit; early stopping usually ends sooner."""
    batch_size: int = 32
    """Comparisons per update."""
    num_parts: int = 1
    """Parts of a batch that pass through the towers one after the other, where memory is short, or
    in several processes; an image's rivals in the contrast are then those of its part."""
    precision: Precision = "fp32"
    """"bf16" runs towers and head under autocast; weights and optimiser stay in fp32."""
    learning_rate: float = 6e-4
    """AdamW's rate, after a warm-up over the first tenth of the updates; the average of the weights
    does what lowering it would do, at any time."""
    averaging: float = 0.97
    """Weight of the past in the moving average of the weights, which is what is looked at and kept
    (Polyak and Juditsky 1992); 0 keeps the last weights."""
    scalar_learning_rate: float = 1e-2
    """Rate of the scale, the tie parameter and the bar, single numbers that must travel far."""
    weight_decay: float = 0.01
    label_smoothing: float = 0.1
    """Probability with which a choice is taken to be a slip for the other image; 0 to 0.5."""
    likelihood: float = 1.0
    """Weight of the first loss, how improbable the raters' answers are; 0 leaves contrast alone, to
    see what that is worth."""
    contrast: float = 1.0
    """Weight of a second loss: an image that raters liked must also win against the batch's images
    of other prompts. It asks for no more comparisons, orders images of prompts that nobody
    compared better, and leaves tuning less to exploit; 0 learns from comparisons alone."""
    raters: RaterTrust = "equal"
    """Weight of raters: "learned" finds beside the reward how often each answers by the images
    instead of guessing, and takes their answers for as much; metrics.json says what it found."""
    prompts: PromptWeight = "comparisons"
    """Weight of prompts: "comparisons" in proportion to how many there are, "equal" all the same,
    for stores where a few prompts were compared much more often than the rest."""
    augment: bool = False
    """Show the vision tower slightly changed images in every update: zoomed, moved, brighter or
    darker by less than changes a judgement, never mirrored, and what is compared alike. Only where
    the vision tower is trained: with train last, lora or all."""
    evaluate_every: int = 25
    """Updates between two looks at the held-out loss, each of which leaves a checkpoint."""
    patience: int = 6
    """Looks without a better held-out loss after which a fold's training stops."""
    cross_validate: bool = True
    """Hold every prompt out once, in as many folds as the held-out fraction gives, each with a fit
    of its own; off: hold out the first fold only, which is as much faster and less certain."""
    refit: bool = True
    """Learn the saved weights from all comparisons, for the number of updates that held-out ones
    chose; off: without the first fold's prompts."""
    device: str = "auto"
    """"auto" takes a GPU where there is one; else cpu, cuda, cuda:N or mps. Only on "cpu" is a fit
    repeated bit for bit."""

    def __post_init__(self) -> None:
        for name in ("num_updates", "batch_size", "num_parts", "evaluate_every", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if self.num_parts > self.batch_size:
            raise ValueError(
                f"num_parts: expected at most batch_size ({self.batch_size}), got {self.num_parts}"
            )
        for name in ("learning_rate", "scalar_learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected more than 0, got {getattr(self, name)}")
        if not 0 <= self.averaging < 1:
            raise ValueError(f"averaging: expected 0 up to less than 1, got {self.averaging}")
        for name in ("weight_decay", "likelihood", "contrast"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if self.likelihood == self.contrast == 0:
            raise ValueError("contrast: expected more than 0 where likelihood is 0, got 0")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(
                f"label_smoothing: expected 0 up to less than 0.5, got {self.label_smoothing}"
            )
        if self.seed < 0:
            raise ValueError(f"seed: expected 0 or more, got {self.seed}")
        require_device_name("device", self.device)

    def shared_by(self, num_processes: int) -> "TrainingConfig":
        """Return it with a batch in as many parts as are asked for, or in a few more to share.

        Raises `RewardError` where a batch has fewer comparisons than parts.
        """
        num_parts = math.ceil(self.num_parts / num_processes) * num_processes
        if num_parts > self.batch_size:
            raise RewardError(
                f"training.batch_size: expected at least {num_parts} for {num_processes} "
                f"processes, got {self.batch_size}"
            )
        return replace(self, num_parts=num_parts)


def require_consistent(model: ModelConfig, training: TrainingConfig) -> None:
    """Raise `ValueError` where a fit is told two things that exclude each other."""
    if training.augment and model.train in ("head", "text"):
        raise ValueError(
            f"training.augment: expected false with model.train {model.train}, got true: the "
            "vision tower is frozen and sees every image once; train last, lora or all of it"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinationConfig:
    """What a reward with two outputs is as one number: their sum, each standardised, by weights."""

    alignment: float = 0.5
    """Weight of how well an image shows what was asked for."""
    quality: float = 0.5
    """Weight of how good a picture it is."""

    def __post_init__(self) -> None:
        for name in ("alignment", "quality"):
            weight = getattr(self, name)
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"{name}: expected a weight of 0 or more, got {weight}")
        if self.alignment == self.quality == 0:
            raise ValueError("quality: expected more than 0 where alignment is 0, got 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """One fit: comparisons and a backbone in, a reward model's folder out."""

    backbone: str
    """Folder of a CLIP that open_clip opens, or one of open_clip's own as MODEL/PRETRAINED, such
    as ViT-B-32/laion2b_s34b_b79k (downloaded); image-reward[:ImageReward.pt]; docs/rewards.md has
    the others."""
    workspace: Path | None = None
    """Take a snapshot of this workspace and write to its rewards/NAME. Default where no snapshot
    is given: $TASTEMAKER_WORKSPACE, else ./workspace."""
    snapshot: Path | None = None
    """Fit on this exported snapshot instead; needs an out folder."""
    name: str = ""
    """Name of the reward model; default: from the snapshot's hash."""
    out: Path | None = None
    """Folder to write, which must not hold another reward model."""
    aspect: AspectChoice = "auto"
    """Comparisons asked about this are used. "both": one reward with two outputs, alignment and
    quality, on towers that they share. "auto": overall where that was asked, else both, else the
    one that was."""
    combination: CombinationConfig = field(default_factory=CombinationConfig)
    """Weights of the two outputs in the one number that a policy is tuned towards."""
    exclude_raters: tuple[str, ...] = ()
    """Ids of raters whose comparisons are left out."""
    held_out_fraction: float = 0.125
    """Part of the prompts that are held out together; their comparisons measure the fit and choose
    when to stop. 0.125 gives eight folds."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        if not 0 < self.held_out_fraction <= 0.5:
            raise ValueError(
                f"held_out_fraction: expected above 0, at most 0.5, got {self.held_out_fraction}"
            )
        if self.snapshot is not None and self.workspace is not None:
            raise ValueError("snapshot: expected either a snapshot or a workspace, got both")
        if self.snapshot is not None and self.out is None:
            raise ValueError("out: expected a folder to write to beside a snapshot, got none")
        require_consistent(self.model, self.training)
