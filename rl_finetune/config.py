"""What a tuning run is told: one frozen dataclass per part, defaults that suit the emoji world.

Validation happens here and names field and value; nothing in this module imports torch.
"""

from dataclasses import dataclass, field
from typing import Literal

from rl_finetune.dpok_config import AdvantageConfig, DpokConfig, ValueConfig
from rl_finetune.supervised_config import SupervisedConfig
from rl_finetune.validation import require

Objective = Literal["dpok", "supervised", "supervised-kl-d", "supervised-kl-o"]
Precision = Literal["fp32", "bf16"]
Train = Literal["lora", "unet"]
Tracker = Literal["tensorboard", "wandb"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingConfig:
    """How an iteration's images are drawn."""

    num_steps: int = 10
    """Denoising steps per image."""
    guidance: float = 2.0
    """Classifier-free guidance weight, the same in rollout, update and KL; 1 means none."""
    eta: float = 1.0
    """Noise of the DDIM sampler, in (0, 1]: 1 is the paper's. Policy gradients need it above 0."""
    num_prompts: int = 4
    """Prompts per iteration; when the prompt set is larger, they take turns."""
    num_images_per_prompt: int = 4
    """Images per prompt and iteration: of the same images, many small iterations make more."""
    batch_size: int = 48
    """Images denoised together: memory against speed, no effect on results but rounding."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "num_prompts", "num_images_per_prompt", "batch_size"):
            require(getattr(self, name) >= 1, f"sampling.{name}", getattr(self, name), ">= 1")
        require(self.guidance >= 1, "sampling.guidance", self.guidance, ">= 1 (1 is none)")
        require(
            0 < self.eta <= 1,
            "sampling.eta",
            self.eta,
            "in (0, 1]: a policy gradient needs a sampler with noise",
        )

    @property
    def num_images(self) -> int:
        """Images per iteration."""
        return self.num_prompts * self.num_images_per_prompt


@dataclass(frozen=True, kw_only=True, slots=True)
class LoraConfig:
    """The adapter that is trained, with train lora; everything else of the policy is frozen."""

    rank: int = 16
    """Rank of the low-rank update of every attention projection of the UNet."""

    def __post_init__(self) -> None:
        require(self.rank >= 1, "lora.rank", self.rank, ">= 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimiserConfig:
    """AdamW on the adapter."""

    learning_rate: float = 1e-3
    """Step size, of the first iteration where `final_rate` lets it fall."""
    final_rate: float = 1.0
    """Share of the learning rate that is left when the run ends; it falls linearly until then."""
    weight_decay: float = 0.0
    """Decoupled weight decay."""
    max_grad_norm: float = 1.0
    """The gradient is scaled down to this norm."""
    num_updates: int = 1
    """Updates that share out an iteration's trained denoising steps among them."""
    num_passes: int = 1
    """Times an iteration goes through its denoising steps."""
    batch_size: int = 48
    """Denoising steps per network pass; gradients accumulate, so only memory depends on it."""

    def __post_init__(self) -> None:
        for name in ("learning_rate", "max_grad_norm"):
            require(getattr(self, name) > 0, f"optimiser.{name}", getattr(self, name), "> 0")
        for name in ("num_updates", "num_passes", "batch_size"):
            require(getattr(self, name) >= 1, f"optimiser.{name}", getattr(self, name), ">= 1")
        require(
            0 <= self.final_rate <= 1, "optimiser.final_rate", self.final_rate, "between 0 and 1"
        )
        require(self.weight_decay >= 0, "optimiser.weight_decay", self.weight_decay, ">= 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class GalleryConfig:
    """Sample grids at fixed seeds: what the numbers look like."""

    every: int = 20
    """Iterations between grids; one is drawn before the first iteration and one at the end."""
    num_prompts: int = 4
    """Rows: the first prompts of the set."""
    num_images_per_prompt: int = 6
    """Columns: seeds 0, 1, 2, ..."""

    def __post_init__(self) -> None:
        for name in ("every", "num_prompts", "num_images_per_prompt"):
            require(getattr(self, name) >= 1, f"gallery.{name}", getattr(self, name), ">= 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class TuneConfig:
    """One tuning run: a policy, a reward, prompts, and how to move the one towards the other."""

    policy: str = ""
    """Stable Diffusion 1.x or 2.x in diffusers' format: a folder or a hub id; in a workspace also a
    policy's name."""
    adapter: str = ""
    """Folder of a LoRA adapter, or of a whole UNet, to continue from; the KL stays relative to the
    bare base."""
    train: Train = "lora"
    """What is trained of the UNet: an adapter, or all weights (unet), which takes more memory."""
    reward: str = ""
    """Folder written by reward_training.fit; in a workspace also a reward model's name; of one with
    two outputs @alignment or @quality behind it means that one alone; a published reward
    (clip:BACKBONE, image-reward, pick-score, hps-v2, hps-v2.1, aesthetic), with a file or folder of
    one's own after a colon; module:callable; lower:WIDTH:FOLDER, a fitted reward minus so many of
    its standard deviations; or a sum, such as '0.7*image-reward + 0.3*aesthetic'."""
    watch: tuple[str, ...] = ()
    """Rewards that are logged beside it and never trained on, in the same forms."""
    objective: Objective = "dpok"
    """Policy gradient (dpok), or one of the paper's supervised baselines."""
    prompts: str = "emoji"
    """Prompt set: a name that data.prompts knows, a YAML file, or a .txt file with a prompt a line.
    Only prompts of split train are tuned on."""
    iterations: int = 200
    """Times to draw images and update the adapter."""
    seed: int = 0
    """Decides all that is drawn: prompts, image seeds, trained steps, and first weights."""
    precision: Precision = "fp32"
    """Arithmetic of the UNet; latents, log-probs and the adapter are fp32 always. bf16 is faster;
    most of the KL that it reports is rounding, so what follows a KL, or the ratio of a later
    update, is refused with it."""
    gradient_checkpointing: bool = False
    """Trade time for memory in the update."""
    compile: bool = False
    """Compile the UNet with torch.compile: the first iteration waits for it, the others are
    faster."""
    checkpoint_every: int = 1
    """Iterations between checkpoints; the newest two are kept."""
    trackers: tuple[Tracker, ...] = ()
    """Where metrics are shown beside metrics.jsonl; their files are in the run's trackers/."""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    dpok: DpokConfig = field(default_factory=DpokConfig)
    advantage: AdvantageConfig = field(default_factory=AdvantageConfig)
    value: ValueConfig = field(default_factory=ValueConfig)
    supervised: SupervisedConfig = field(default_factory=SupervisedConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    gallery: GalleryConfig = field(default_factory=GalleryConfig)

    @property
    def shares_start(self) -> bool:
        """A prompt's images of one iteration start from the same pure noise."""
        return self.objective == "dpok" and self.advantage.baseline == "start"

    def __post_init__(self) -> None:
        for name in ("iterations", "checkpoint_every"):
            require(getattr(self, name) >= 1, name, getattr(self, name), ">= 1")
        require(0 <= self.seed < 2**31, "seed", self.seed, "from 0 to 2147483647")
        steps = self.dpok.num_train_steps
        require(
            steps is None or steps >= self.optimiser.num_updates,
            "dpok.num_train_steps",
            steps,
            f"at least optimiser.num_updates, {self.optimiser.num_updates}, which share them",
        )
        require(
            self.advantage.baseline not in ("group", "start")
            or self.sampling.num_images_per_prompt >= 2,
            "sampling.num_images_per_prompt",
            self.sampling.num_images_per_prompt,
            f"at least 2 with advantage.baseline {self.advantage.baseline}, or one reward is "
            "compared with itself",
        )
