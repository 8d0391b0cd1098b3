"""Makes a fit's features: kept where the tower is frozen, else computed each time.

Images are read one by one, and leave memory as soon as a tower has seen them: what a frozen tower
leaves in memory is a feature per image, and of images whose tower is trained, those that were seen
last, up to `KEPT_BYTES` at the model's size.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import islice
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from data.files import sha256_of
from data.snapshot import Snapshot
from devices.processes import Processes
from reward_training.inputs.dataset import read_images
from reward_training.inputs.feature_cache import FeatureCache
from reward_training.inputs.features import (
    Features,
    FrozenFeatures,
    LiveFeatures,
    PairFeatures,
    StoredTokens,
)
from reward_training.inputs.frozen_pairs import FrozenPairs
from reward_training.towers.backbone import Backbone, TwoTowers

CHUNK = 64
"""Inputs that pass through a frozen tower together, where the device is no CPU."""
KEPT_BYTES = 256 * 2**20
"""Of images at the model's size, in memory while their tower is trained."""
Encode = Callable[[Sequence[int]], Float[Tensor, "rows ..."]]
"""From rows of the inputs to their features, on the CPU."""


def prepare_features(
    backbone: Backbone, snapshot: Snapshot, images: list[str], prompts: list[str], *, kept: Path
) -> PairFeatures:
    """Run every frozen tower once over those of its inputs that are not kept, and keep them.

    A tower is frozen where no gradient reaches its weights. Of several processes each runs it over
    its share, and finds the others' kept.

    Args:
        backbone: The towers, on the device on which they are used.
        snapshot: Where images are read from.
        images: SHA-256 of every image.
        prompts: Texts.
        kept: Folder of the features of this very backbone, as `digest_of_towers` names it.
    """
    processes = Processes()
    if processes.count > 1:
        # Tokenizers do not take an empty list, as which the turns at a single prompt may come.
        turns = processes.own(images) or images, processes.own(prompts) or prompts
        _complete(backbone, snapshot, *turns, kept)
        processes.wait()
    return _complete(backbone, snapshot, images, prompts, kept)


def _complete(
    backbone: Backbone, snapshot: Snapshot, images: list[str], prompts: list[str], kept: Path
) -> PairFeatures:
    of_images = _image_features(backbone, snapshot, images, FeatureCache(kept / "images"))
    of_prompts = _prompt_features(backbone, prompts, FeatureCache(kept / "texts"))
    if isinstance(backbone, TwoTowers) or _is_trained(backbone.parameters()):
        return PairFeatures(of_images, of_prompts)
    return PairFeatures(of_images, of_prompts, FrozenPairs(backbone, of_images, of_prompts))


def _image_features(
    backbone: Backbone, snapshot: Snapshot, images: list[str], cache: FeatureCache
) -> Features:
    def pixels(keys: list[str]) -> Iterator[Float[Tensor, "1 3 height width"]]:
        for image in read_images(snapshot, keys):
            yield backbone.preprocess(image[None].to(backbone.device))

    if _is_trained(backbone.vision_parameters()):
        height, width = backbone.preprocess.size
        recent = lru_cache(max(1, KEPT_BYTES // (4 * 3 * height * width)))(
            lambda row: next(pixels([images[row]]))
        )
        return LiveFeatures(
            backbone.encode_image, lambda rows: torch.cat([recent(row) for row in rows.tolist()])
        )

    def encode(rows: Sequence[int]) -> Float[Tensor, "rows ..."]:
        return _encode(backbone, backbone.encode_image, pixels([images[row] for row in rows]))

    if isinstance(backbone, TwoTowers):
        return _frozen(backbone, cache, images, encode, unit="image")
    return _stored(backbone, cache, images, encode)


def _prompt_features(backbone: Backbone, prompts: list[str], cache: FeatureCache) -> Features:
    tokens = backbone.tokenize(prompts)
    if not isinstance(backbone, TwoTowers) or _is_trained(backbone.text_parameters()):
        return LiveFeatures(
            backbone.encode_text, lambda rows: tokens.index_select(0, rows.to(tokens.device))
        )

    def encode(rows: Sequence[int]) -> Float[Tensor, "rows embedding"]:
        return _encode(backbone, backbone.encode_text, (tokens[row, None] for row in rows))

    keys = [sha256_of(prompt.encode()) for prompt in prompts]
    return _frozen(backbone, cache, keys, encode, unit="prompt")


def _frozen(
    backbone: TwoTowers,
    cache: FeatureCache,
    keys: list[str],
    encode: Encode,
    *,
    unit: str,
) -> FrozenFeatures:
    """Complete a tower's features, which shows how far it is."""
    with _progress(encode, len(keys), unit) as compute:
        features = cache.complete(keys, backbone.embed_dim, compute)
    return FrozenFeatures(features.to(backbone.device))


def _stored(
    backbone: Backbone, cache: FeatureCache, keys: list[str], encode: Encode
) -> StoredTokens:
    """Complete a tower's tokens on disk, which shows how far it is."""
    with _progress(encode, len(keys), "image") as compute:
        stored = cache.locate(keys, lambda rows: compute(rows).half())
    return StoredTokens(stored, backbone.device, backbone.dtype)


@contextmanager
def _progress(encode: Encode, total: int, unit: str) -> Iterator[Encode]:
    """Show how many inputs have been encoded."""
    with tqdm(desc=f"{unit}s", total=total, unit=unit, disable=Processes().hides_bars) as bar:

        def compute(rows: Sequence[int]) -> Float[Tensor, "rows ..."]:
            features = encode(rows)
            bar.update(len(rows))
            return features

        yield compute


@torch.no_grad()
def _encode(
    backbone: Backbone, tower: Callable[[Tensor], Tensor], inputs: Iterable[Tensor]
) -> Float[Tensor, "rows ..."]:
    """Return features of inputs, each a batch of one: alone on a CPU, in chunks elsewhere."""
    size = 1 if backbone.device.type == "cpu" else CHUNK
    stream, encoded = iter(inputs), []
    while chunk := list(islice(stream, size)):
        encoded.append(tower(torch.cat(chunk)).cpu())
    return torch.cat(encoded)


def _is_trained(weights: Iterable[nn.Parameter]) -> bool:
    return any(weight.requires_grad for weight in weights)
