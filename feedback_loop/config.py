"""What a workspace is told once: its world, its policy's base, and how every stage goes.

Kept in `workspace.yaml`; the defaults are the embedded emoji world's. Imports no torch, so that
`--help` comes at once.
"""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from data.records import Aspect, ChosenBy
from reward_training.config import (
    AspectChoice,
    CombinationConfig,
    FitConfig,
    ModelConfig,
    TrainingConfig,
    require_consistent,
)
from rl_finetune.config import SamplingConfig, TuneConfig

WorldName = Literal["emoji", "none"]
Raters = Literal["people", "simulated"]


def _require_at_least(minimum: int, **values: int) -> None:
    for name, value in values.items():
        if value < minimum:
            raise ValueError(f"{name}: expected {minimum} or more, got {value}")


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateConfig:
    """The pairs of a round."""

    num_pairs: int = 600
    """Pairs per round. From the second round on, half of them set the newest policy against the
    one before it; the others are of the newest policy alone."""
    num_images: int = 1200
    """New images per round at most. With twice the pairs every image stands in one; with fewer, an
    image stands in several of its prompt."""
    choose: ChosenBy = ChosenBy.CHANCE
    """"chance" pairs a round's images evenly; "information" draws all of `num_images` first and
    then, where the round before left a reward, pairs whose answers it expects to learn from."""
    random_share: float = 0.25
    """Share of the pairs that chance chooses all the same, so that accuracy can be measured."""
    aspects: tuple[Aspect, ...] = (Aspect.OVERALL,)
    """What raters are asked about each pair, one question after the other: overall, or alignment
    (is it what was asked for?) and quality (is it a good picture?). The round's reward is fitted
    to overall where that is asked, else with an output for each of the two, else to the one."""

    def __post_init__(self) -> None:
        _require_at_least(1, num_pairs=self.num_pairs)
        _require_at_least(2, num_images=self.num_images)
        if not 0 <= self.random_share <= 1:
            raise ValueError(f"random_share: expected 0 to 1, got {self.random_share}")
        if not self.aspects or len(set(self.aspects)) < len(self.aspects):
            raise ValueError("aspects: expected one or more, each of them once")

    @property
    def aspect_choice(self) -> AspectChoice:
        """Which comparisons the round's reward is fitted to."""
        if Aspect.OVERALL in self.aspects:
            return "overall"
        if len(self.aspects) > 1:
            return "both"
        return "quality" if Aspect.QUALITY in self.aspects else "alignment"


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleConfig:
    """What a round waits for where people compare."""

    num_pairs: int = 0
    """Pairs that must be compared before the round goes on; 0: all of them but those that somebody
    skips. A pair of several questions is compared when all of them are answered."""
    overlap_share: float = 0.1
    """Share of a round's pairs that several people judge, so that their agreement is known; one
    person judges each of the others."""
    overlap_raters: int = 2
    """How many people judge each of those."""
    repeat_share: float = 0.05
    """Share of a round's pairs that come back to who judged them, with the sides swapped: how far
    people agree with themselves."""
    gold_share: float = 0.03
    """Gold pairs, whose answer is known, as a share of a round's pairs. Everyone is asked them,
    beside the round's own, and nothing is learned from the answers."""

    def __post_init__(self) -> None:
        _require_at_least(0, num_pairs=self.num_pairs)
        _require_at_least(1, overlap_raters=self.overlap_raters)
        for name in ("overlap_share", "repeat_share", "gold_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True, slots=True)
class SimulatedConfig:
    """Simulated raters of the emoji world: they follow its judge, with noise. Never people."""

    num_raters: int = 3
    """They take turns: each pair is compared by one of them."""
    flip_rate: float = 0.15
    """Probability that a preference comes out the wrong way round."""
    side_bias: float = 0.0
    """Probability of taking a side without looking: the first rater's is the left, the next one's
    the right, and so on."""
    seconds: float = 2.0
    """Median time that a comparison is said to have taken; nobody waits for it."""

    def __post_init__(self) -> None:
        _require_at_least(1, num_raters=self.num_raters)
        if not 0 <= self.flip_rate <= 0.5:
            raise ValueError(f"flip_rate: expected 0 to 0.5, got {self.flip_rate}")
        if not 0 <= self.side_bias <= 1:
            raise ValueError(f"side_bias: expected 0 to 1, got {self.side_bias}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FitSection:
    """The fit of a round's reward model."""

    backbone: str = ""
    """What `reward_training.fit` takes as its backbone; empty: the emoji world's CLIP."""
    held_out_fraction: float = FitConfig(backbone="").held_out_fraction
    """Part of the prompts whose comparisons measure the fit and choose when to stop."""
    combination: CombinationConfig = field(default_factory=CombinationConfig)
    """Where alignment and quality are asked apart: their weights in what policies are tuned to."""
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        require_consistent(self.model, self.training)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasureConfig:
    """What every policy is measured on: the same prompts and seeds, never used in training."""

    num_images_per_prompt: int = 16
    """Images per prompt and policy, over the prompts that policies are tuned on and the
    unseen ones."""

    def __post_init__(self) -> None:
        _require_at_least(2, num_images_per_prompt=self.num_images_per_prompt)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """Everything that the rounds of one workspace go by."""

    world: WorldName = "emoji"
    """"emoji": the embedded world, with a judge that knows the truth; "none": a model of your own,
    which only people (and what they taught) can judge."""
    base: str = ""
    """Image model that all policies start from: a folder in diffusers' format or a hub id; empty:
    the emoji world's."""
    prompt_set: str = "emoji"
    """Prompt set: a shipped name, or a .yaml or .txt file."""
    seed: int = 0
    """Decides the seeds of all stages."""
    generate: GenerateConfig = field(default_factory=GenerateConfig)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    simulated: SimulatedConfig = field(default_factory=SimulatedConfig)
    fit: FitSection = field(default_factory=FitSection)
    tune: TuneConfig = field(default_factory=TuneConfig)
    """Its `sampling` also draws the pairs and the measured images: what is tuned is what is
    compared and measured."""
    measure: MeasureConfig = field(default_factory=MeasureConfig)

    def __post_init__(self) -> None:
        _require_at_least(0, seed=self.seed)
        for name in ("policy", "adapter", "reward"):
            if given := getattr(self.tune, name):
                raise ValueError(
                    f"tune.{name}: expected none, got {given}; a round takes its newest policy and "
                    "reward (for others: python -m rl_finetune.run)"
                )
        asked = self.tune.prompts
        is_its = Path(asked).resolve() == Path(self.prompt_set).resolve()
        if not is_its and asked != TuneConfig().prompts:
            raise ValueError(
                f"tune.prompts: expected none, got {asked}; a round tunes on the prompts of split "
                f"train in its prompt_set, {self.prompt_set}"
            )
        for name, seed in (("fit.training", self.fit.training.seed), ("tune", self.tune.seed)):
            if seed:
                raise ValueError(f"{name}.seed: expected none, got {seed}; set seed for all stages")
        if self.world == "none":
            for name, given in (("base", self.base), ("fit.backbone", self.fit.backbone)):
                if not given:
                    raise ValueError(f"{name}: expected a folder or id where world is none")

    @property
    def sampling(self) -> SamplingConfig:
        """How images are drawn, in every stage."""
        return self.tune.sampling

    def fit_config(self, *, backbone: str, name: str, round_seed: int) -> FitConfig:
        """Return what a round's fit is told."""
        return FitConfig(
            backbone=backbone,
            name=name,
            held_out_fraction=self.fit.held_out_fraction,
            aspect=self.generate.aspect_choice,
            combination=self.fit.combination,
            model=self.fit.model,
            training=replace(self.fit.training, seed=round_seed),
        )


def as_options(config: LoopConfig) -> dict[str, Any]:
    """Return the fields by name, to make a subclass with the same values."""
    return {f.name: getattr(config, f.name) for f in fields(LoopConfig)}
