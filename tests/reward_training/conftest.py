"""A random CLIP of a few thousand weights in open_clip's folder format, and planted preferences."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import open_clip
import PIL.Image
import pytest
import torch
from published_layouts import write_blip, write_image_reward
from safetensors.torch import save_file
from transformers import CLIPTokenizer

from data.records import (
    Aspect,
    Choice,
    Comparison,
    Image,
    Pair,
    Policy,
    Prompt,
    Rater,
    RaterKind,
    Sampler,
)
from data.snapshot import Snapshot, take_snapshot
from data.workspace import Workspace
from reward_training.config import FitConfig, TrainedPart, TrainingConfig
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.encoding import prepare_features
from reward_training.inputs.split import make_folds
from reward_training.learning.training import Fitting
from reward_training.model import LearnedReward
from reward_training.towers.backbone import Backbone
from reward_training.towers.backbones import open_backbone

IMAGE_SIZE = 16
NOUNS = ("dog", "cat", "frog", "bird", "car", "wolf", "boat", "tree", "star", "fish")
WORDS = ("a", "bright", "dark", *NOUNS, "green", "rabbit", "on", "the", "moon", ",")
PROMPTS = [f"a {light} {noun}" for noun in NOUNS for light in ("bright", "dark")]

CLIP_CONFIG = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {
            "image_size": IMAGE_SIZE,
            "layers": 2,
            "width": 32,
            "head_width": 16,
            "patch_size": 4,
        },
        "text_cfg": {
            "context_length": 8,
            "vocab_size": 0,
            "hf_tokenizer_name": "clip",
            "width": 32,
            "heads": 2,
            "layers": 2,
        },
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"},
}


def make_tokenizer() -> CLIPTokenizer:
    """Build CLIP's byte-level tokenizer with one token for every word of the prompts."""
    letters = [chr(code) for code in range(33, 127)]
    tokens = letters + [f"{letter}</w>" for letter in letters]
    merges: list[tuple[str, str]] = []
    for word in sorted({word for prompt in PROMPTS for word in prompt.split() if len(word) > 1}):
        parts = [*word[:-1], f"{word[-1]}</w>"]
        # The rest of the word first, so that one word's merges never split another's.
        while len(parts) > 1:
            merges.append((parts[-2], parts[-1]))
            parts[-2:] = [parts[-2] + parts[-1]]
            tokens.append(parts[-1])
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=list(dict.fromkeys(merges)),
        model_max_length=8,
    )


def write_clip(folder: Path, seed: int = 0, width: int = 32) -> Path:
    """Write a random CLIP as open_clip's `local-dir:` reads it."""
    tokenizer = make_tokenizer()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    config = json.loads(json.dumps(CLIP_CONFIG))
    config["model_cfg"]["text_cfg"] |= {"vocab_size": len(tokenizer), "width": width}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    clip = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(clip.state_dict(), folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="session")
def tokenizer() -> CLIPTokenizer:
    return make_tokenizer()


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture(scope="session")
def image_reward_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint in ImageReward's layout, with BERT's vocabulary beside it."""
    return write_image_reward(tmp_path_factory.mktemp("image-reward"), WORDS)


@pytest.fixture(scope="session")
def blip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BLIP as transformers writes it."""
    return write_blip(tmp_path_factory.mktemp("blip") / "blip", WORDS)


@pytest.fixture
def backbone(clip_folder: Path) -> Backbone:
    return open_backbone(str(clip_folder))


@dataclass(frozen=True)
class Picture:
    """An image to be compared, and how bright it is."""

    png: bytes
    brightness: float


def paint(generator: np.random.Generator) -> Picture:
    """Make a noisy grey image of random brightness."""
    brightness = float(generator.uniform(0.1, 0.9))
    pixels = brightness + 0.05 * generator.standard_normal((IMAGE_SIZE, IMAGE_SIZE, 3))
    content = io.BytesIO()
    grey = (pixels.clip(0, 1) * 255).astype(np.uint8)
    PIL.Image.fromarray(grey).save(content, "PNG")
    return Picture(content.getvalue(), brightness)


def prefer_by_word(prompt: str, left: Picture, right: Picture) -> Choice:
    """Prefer the brighter image for "bright", the darker for "dark"; call close ones a tie."""
    if abs(left.brightness - right.brightness) < 0.1:
        return Choice.TIE
    is_left = (left.brightness > right.brightness) == ("bright" in prompt)
    return Choice.LEFT if is_left else Choice.RIGHT


def prefer_bright(prompt: str, left: Picture, right: Picture) -> Choice:
    """Prefer the brighter image whatever the prompt; call close ones a tie."""
    del prompt
    return prefer_by_word("bright", left, right)


Chooser = Callable[[str, Picture, Picture], Choice]


def plant(
    root: Path,
    prompts: Sequence[str] = tuple(PROMPTS),
    *,
    pairs_per_prompt: int = 10,
    choose: Chooser | Mapping[Aspect, Chooser] = prefer_by_word,
    seed: int = 0,
) -> Workspace:
    """Make a workspace whose one simulated rater follows `choose`, or that of each question."""
    choosers = choose if isinstance(choose, Mapping) else {Aspect.OVERALL: choose}
    generator = np.random.default_rng(seed)
    workspace = Workspace.create(root)
    store = workspace.store()
    sampler = Sampler(
        scheduler="ddim", num_steps=1, guidance=1.0, eta=0.0, width=IMAGE_SIZE, height=IMAGE_SIZE
    )
    rater = Rater.new("planted", RaterKind.SIMULATED)
    records = [Prompt.new(text, family=text.split()[1]) for text in prompts]
    images: list[Image] = []
    pairs: list[Pair] = []
    comparisons: list[Comparison] = []
    for prompt in records:
        for _ in range(pairs_per_prompt):
            two = [paint(generator), paint(generator)]
            images += [
                Image.new(
                    sha256=workspace.save_image(picture.png),
                    policy="base",
                    prompt_id=prompt.prompt_id,
                    seed=len(images) + place,
                    sampler=sampler,
                )
                for place, picture in enumerate(two)
            ]
            a, b = images[-2], images[-1]
            pairs.append(
                Pair.new(
                    round=0,
                    prompt_id=prompt.prompt_id,
                    image_a=a.image_id,
                    image_b=b.image_id,
                    aspects=tuple(choosers),
                )
            )
            comparisons += [
                Comparison.new(
                    pair_id=pairs[-1].pair_id,
                    rater_id=rater.rater_id,
                    choice=chooser(prompt.text, *two),
                    aspect=aspect,
                    shown_left=a.image_id,
                    idempotency_key=f"{seed}-{len(pairs)}-{aspect}",
                )
                for aspect, chooser in choosers.items()
            ]
    store.add_policy(Policy(name="base", base="none"))
    store.add_prompts(records)
    store.add_images(images)
    store.add_pairs(pairs)
    store.add_rater(rater)
    store.record_many(comparisons)
    return workspace


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that tests only read."""
    return plant(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def snapshot(workspace: Workspace) -> Snapshot:
    return take_snapshot(workspace)


@pytest.fixture(scope="session")
def two_questions(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace whose rater was asked both questions of each pair; tests only read it."""
    choose = {Aspect.ALIGNMENT: prefer_by_word, Aspect.QUALITY: prefer_bright}
    return plant(tmp_path_factory.mktemp("two"), choose=choose)


@pytest.fixture
def quick_config(clip_folder: Path) -> FitConfig:
    """A fit of a few updates, to be changed with `dataclasses.replace`."""
    training = TrainingConfig(
        num_updates=6, batch_size=8, evaluate_every=2, cross_validate=False, device="cpu"
    )
    return FitConfig(backbone=str(clip_folder), name="quick", training=training)


@pytest.fixture
def thorough_config(quick_config: FitConfig) -> FitConfig:
    """A fit long enough to learn the planted preference from random weights."""
    training = replace(
        quick_config.training, num_updates=150, batch_size=32, evaluate_every=25, learning_rate=2e-3
    )
    return replace(quick_config, name="thorough", training=training)


@pytest.fixture(scope="session")
def plant_workspace() -> Callable[..., Workspace]:
    """The function that makes planted workspaces: `plant`."""
    return plant


@pytest.fixture
def planted(tmp_path: Path, plant_workspace: Callable[..., Workspace]) -> Workspace:
    """A workspace of this test's own, whose features it may touch."""
    return plant_workspace(tmp_path / "own", pairs_per_prompt=2)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that are read, in order."""
    read: list[str] = []
    image_bytes = Snapshot.image_bytes

    def remember(snapshot: Snapshot, sha256: str) -> bytes:
        read.append(sha256)
        return image_bytes(snapshot, sha256)

    monkeypatch.setattr(Snapshot, "image_bytes", remember)
    return read


@pytest.fixture(scope="session")
def make_clip() -> Callable[..., Path]:
    """The function that writes random CLIPs: `write_clip`."""
    return write_clip


FittingMaker = Callable[..., tuple[Fitting, Comparisons, Comparisons]]


@pytest.fixture
def make_fitting(
    clip_folder: Path, snapshot: Snapshot, quick_config: FitConfig, tmp_path: Path
) -> FittingMaker:
    """Make an untouched fitting with the comparisons to learn from and those held out."""

    def make(
        part: TrainedPart = "text", config: TrainingConfig = quick_config.training
    ) -> tuple[Fitting, Comparisons, Comparisons]:
        comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
        reward = LearnedReward(
            open_backbone(str(clip_folder)),
            head="mlp",
            ties="davidson",
            generator=torch.Generator().manual_seed(0),
        )
        reward.set_trained_part(part)
        features = prepare_features(
            reward.backbone,
            snapshot,
            comparisons.images,
            comparisons.prompts,
            kept=tmp_path / "features",
        )
        fold = make_folds(comparisons, 0.3, np.random.default_rng(0))[0]
        fitting = Fitting.begin(reward, features, config, comparisons)
        return fitting, comparisons.take(fold.train), comparisons.take(fold.held_out)

    return make
