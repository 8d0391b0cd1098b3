"""Opens a backbone by what the command line calls it, or by the folder that describes it."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import torch

from data.errors import RewardError
from data.files import digest, sha256_of
from reward_training.published import image_reward
from reward_training.towers import open_clip_backbone, transformers_backbone
from reward_training.towers.backbone import Backbone, TwoTowers
from reward_training.towers.blip_backbone import KIND as BLIP
from reward_training.towers.blip_backbone import BlipBackbone
from reward_training.towers.open_clip_backbone import ClipBackbone
from reward_training.towers.transformers_backbone import TransformersBackbone
from reward_training.towers.transformers_folder import CONFIG_FILE, HUB, model_type

_FORMS = (
    f"a folder with {open_clip_backbone.CONFIG_FILE} (open_clip) or "
    f"{CONFIG_FILE} (transformers' CLIP, SigLIP or BLIP), one of open_clip's own "
    f"such as ViT-B-32/laion2b_s34b_b79k, {HUB}ORGANISATION/NAME of the hub, or "
    f"{image_reward.NAME}[:ImageReward.pt]"
)

_LIBRARIES = ("torch", "open_clip_torch", "transformers", "pillow")


def open_backbone(source: str) -> Backbone:
    """Open a folder, a model of open_clip, one of the hub, or ImageReward, with its weights.

    Raises `RewardError` in one line where there is none, or where it cannot be opened.
    """
    folder = Path(source)
    if (folder / open_clip_backbone.CONFIG_FILE).is_file():
        return ClipBackbone.open_folder(folder)
    if (folder / CONFIG_FILE).is_file():
        return _kind_of(source).open(source)
    if source.startswith(HUB):
        name = source.removeprefix(HUB)
        return _kind_of(name).open(name)
    if (path := _of_image_reward(source)) is not None:
        return image_reward.open_image_reward(path)
    if known := _known(source):
        return ClipBackbone.open_known(*known)
    raise RewardError(f"no backbone at {source!r}: expected {_FORMS}")


def open_towers(source: str) -> TwoTowers:
    """Open a backbone with a feature of its own for images and one for texts, such as a CLIP."""
    backbone = open_backbone(source)
    if not isinstance(backbone, TwoTowers):
        raise RewardError(
            f"{source} reads texts together with images and has no features of either alone; "
            "expected a CLIP or SigLIP"
        )
    return backbone


def open_definition(folder: Path) -> Backbone:
    """Rebuild what `save_definition` wrote, weights still random."""
    if (folder / CONFIG_FILE).is_file():
        return _kind_of(str(folder)).open_definition(folder)
    return ClipBackbone.open_definition(folder)


def _of_image_reward(source: str) -> str | None:
    """Return what comes after ImageReward's name; None of any other backbone."""
    name, _, path = source.partition(":")
    return path if name == image_reward.NAME else None


def _known(source: str) -> tuple[str, str] | None:
    """Return architecture and weights of one of open_clip's own; None of any other backbone.

    Weights are named by open_clip, or a file's path.
    """
    model, _, pretrained = source.partition("/")
    return (model, pretrained) if open_clip_backbone.is_known(model) and pretrained else None


def _kind_of(source: str) -> type[TransformersBackbone] | type[BlipBackbone]:
    """Return which backbone a model of transformers is."""
    kind = model_type(source)
    if kind == BLIP:
        return BlipBackbone
    if kind not in transformers_backbone.KINDS:
        expected = (*transformers_backbone.KINDS, BLIP)
        raise RewardError(f"{source} is a model of type {kind}; expected {' or '.join(expected)}")
    return TransformersBackbone


def digest_of_source(source: str) -> str:
    """Return a digest of a local backbone's files, or of its name where it is a hub's.

    Of one of open_clip's own it has the architecture too, which the weights do not hold.
    """
    files, known = _local_files(source), _known(source)
    found = [[path.name, sha256_of(path)] for path in files] if files else source
    return digest([found, open_clip_backbone.architecture_of(*known)] if known else found)


def _local_files(source: str) -> list[Path]:
    """Return the files that decide what a source opens; none of the hub's."""
    if Path(source).is_dir():
        return sorted(path for path in Path(source).iterdir() if path.is_file())
    if known := _known(source):
        weights = Path(known[1])
        return [weights] if weights.is_file() else []
    return image_reward.local_files(_of_image_reward(source) or "")


def digest_of_towers(backbone: Backbone, source: str, device: torch.device) -> str:
    """Return a digest of all that decides the features' bits, of an untrained backbone.

    The weights are in it because a name, such as one of the hub, does not say which they are.
    """
    processor = torch.backends.cpu.get_cpu_capability() if device.type == "cpu" else ""
    return digest(
        {
            "source": digest_of_source(source),
            "weights": _digest_of_weights(backbone),
            "preprocessing": backbone.preprocess,
            "device": [device.type, processor],
            "libraries": {name: version(name) for name in _LIBRARIES},
        }
    )


def _digest_of_weights(backbone: Backbone) -> str:
    """Return a digest of names, types, shapes and bytes."""
    digester = hashlib.sha256()
    for name, weight in sorted(backbone.state_dict().items()):
        digester.update(f"{name} {weight.dtype} {tuple(weight.shape)};".encode())
        digester.update(weight.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digester.hexdigest()
