"""A reward learned from comparisons: a backbone's features, a head, and a common scale."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from data.errors import RewardError
from reward_training.config import HeadKind, TieModel, TrainedPart
from reward_training.learning.losses import outcome_log_probabilities
from reward_training.learning.reliability import Reliability
from reward_training.learning.trainable import TrainableReward
from reward_training.posterior import Posterior
from reward_training.towers.backbone import Backbone
from reward_training.towers.partly import adapter_parameters, add_adapters, last_blocks
from reward_training.trust.calibration import Calibration


class LearnedReward(TrainableReward):
    """Reward of images for prompts, standardised over the images it was fitted on.

    Unfitted it orders images as the backbone itself does. `name` and `snapshot` (the hash
    of the comparisons) are empty until it is fitted; `reliability` is there only while raters'
    answers are weighed.

    The raw reward has the units of Bradley-Terry's margin; `reward_mean` and `reward_std` bring
    it to mean 0 and deviation 1, so that rewards of different fits can be compared and summed.
    `temperature` and `slips` turn margins into the probabilities of answers; rewards do not change.
    """

    def __init__(
        self,
        backbone: Backbone,
        *,
        head: HeadKind,
        ties: TieModel,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = backbone.make_head(head, generator)
        self.head_kind: HeadKind = head
        self.ties: TieModel = ties
        self.tie_logit = nn.Parameter(torch.zeros(()))
        self.bar = nn.Parameter(torch.zeros(()))
        self.reliability: Reliability | None = None
        self.register_buffer("reward_mean", torch.zeros(()))
        self.register_buffer("reward_std", torch.ones(()))
        # How uncertain the reward is; there once it is fitted.
        self.register_buffer("posterior_covariance", None)
        self.register_buffer("posterior_centre", None)
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("slips", torch.zeros(()))
        self.name = ""
        self.snapshot = ""
        self.eval()

    @property
    def outputs(self) -> "dict[str, LearnedReward]":
        """The reward itself, without a name: it has no other output."""
        return {"": self}

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the standardised reward of images in [0, 1], without gradients."""
        return self.standardise(self.raw(images, prompts)).to(images.device)

    def raw(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str]
    ) -> Float[Tensor, " batch"]:
        """Return the raw reward; gradients pass through to the images."""
        return self.head(*self.backbone.read(images, prompts))

    @property
    def posterior(self) -> Posterior:
        """What comparisons leave open; `RewardError` where the fit did not find it out."""
        if self.posterior_covariance is None:
            raise RewardError(
                f"reward model {self.name or '(not fitted)'} does not say how uncertain it is: "
                "fit it anew with python -m reward_training.fit"
            )
        return Posterior(
            self.get_buffer("posterior_covariance"), self.get_buffer("posterior_centre")
        )

    @posterior.setter
    def posterior(self, posterior: Posterior) -> None:
        self.posterior_covariance = posterior.covariance.to(self.bar.device)
        self.posterior_centre = posterior.centre.to(self.bar.device)

    @torch.no_grad()
    def lower_bound(
        self, images: Float[Tensor, "batch 3 height width"], prompts: list[str], width: float
    ) -> Float[Tensor, " batch"]:
        """Return the standardised reward minus `width` of its standard deviations."""
        pairs = self.backbone.read(images, prompts)
        deviation = self.posterior.deviation(self.head.last_features(*pairs))
        raw = self.head(*pairs) - width * deviation
        return self.standardise(raw).to(images.device)

    def log_probabilities(
        self, rewards: Float[Tensor, "pairs 2"]
    ) -> Float[Tensor, "pairs outcomes"]:
        """Return log P of each outcome of comparisons, from both images' raw rewards."""
        return outcome_log_probabilities(
            rewards, tie_logit=self.tie_logit, bar=self.bar, ties=self.ties
        )

    @torch.no_grad()
    def probability_a(self, rewards: Float[Tensor, "pairs 2"]) -> Float[Tensor, " pairs"]:
        """Return the probability that image a is preferred where one is, from raw rewards.

        It is calibrated once a fit has set temperature and slips (see `Calibration`).
        """
        logits = self.log_probabilities(rewards)[:, :2] / self.get_buffer("temperature")
        slips = self.get_buffer("slips")
        return slips / 2 + (1 - slips) * logits.softmax(dim=-1)[:, 0]

    def standardise(self, raw: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
        """Bring raw rewards to the scale of the images that the model was fitted on."""
        return (raw - self.get_buffer("reward_mean")) / self.get_buffer("reward_std")

    def fit_standardisation(self, raw: Float[Tensor, " images"]) -> None:
        """Store mean and deviation of the raw rewards of the training images."""
        self.get_buffer("reward_mean").copy_(raw.mean())
        self.get_buffer("reward_std").copy_(raw.std(correction=0).clamp_min(1e-6))

    def set_calibration(self, calibration: Calibration) -> None:
        """Store what turns rewards into probabilities of answers."""
        self.get_buffer("temperature").fill_(calibration.temperature)
        self.get_buffer("slips").fill_(calibration.slips)

    def set_trained_part(
        self, part: TrainedPart, *, blocks: float = 0.3, rank: int = 8, seed: int = 0
    ) -> None:
        """Let gradients reach head, tie parameter and bar, and what `part` names of the towers.

        `blocks` is how much of each tower "last" names, `rank` and `seed` make the adapters of
        "lora"; `partly` says how.
        """
        trained = [*self.head.parameters(), self.tie_logit, self.bar]
        if self.reliability is not None:
            trained += self.reliability.parameters()
        if part in ("text", "all"):
            trained += self.backbone.text_parameters()
        if part == "all":
            trained += self.backbone.vision_parameters()
        if part == "last":
            trained += last_blocks(self.backbone, blocks)
        if part == "lora":
            add_adapters(self.backbone, rank, torch.Generator().manual_seed(seed))
            trained += adapter_parameters(self.backbone)
        self.requires_grad_(False)
        for parameter in trained:
            parameter.requires_grad_(True)
