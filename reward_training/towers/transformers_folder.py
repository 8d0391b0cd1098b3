"""What is beside the weights in a folder of transformers' `save_pretrained`, or on the hub.

config.json                the architecture
model.safetensors          the weights
preprocessor_config.json   how images are brought to the vision tower's size
tokenizer files            as `AutoTokenizer` reads them
"""

from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer

from data.errors import RewardError
from reward_training.towers.backbone import LOADER_ERRORS, first_lines
from reward_training.towers.preprocessing import Preprocessing

CONFIG_FILE = "config.json"
HUB = "transformers:"
"""Before the name of a model on the hub."""
ERRORS = (*LOADER_ERRORS, SafetensorError)
"""What transformers raises of a folder that it cannot open."""
_INTERPOLATIONS = {2: "bilinear", 3: "bicubic"}
"""PIL's numbers for what transformers calls `resample`."""


def model_type(source: str) -> str:
    """Return what architecture a folder, or a model of the hub, says that it is of."""
    try:
        return str(AutoConfig.from_pretrained(source).model_type)
    except ERRORS as error:
        raise unusable(source, error) from None


def tokenizer_and_processor(source: str) -> tuple[Any, Any]:
    """Return the tokenizer and the image processor that a model was trained with."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    first, second = (tuple(tokenizer(text)["input_ids"]) for text in ("a", "z"))
    if first == second:  # transformers makes up an empty one where its files are missing
        raise ValueError("its tokenizer's files are missing or of another model")
    return tokenizer, AutoImageProcessor.from_pretrained(source)


def preprocessing_of(processor: Any) -> Preprocessing:  # noqa: ANN401
    """Read an image processor's settings."""
    size, is_cropped = processor.size, bool(getattr(processor, "do_center_crop", False))
    box = processor.crop_size if is_cropped else size
    side = getattr(size, "shortest_edge", None)
    if side is not None and not (is_cropped and box["height"] == box["width"] == side):
        raise ValueError(f"expected images of one size, got shortest_edge {side} and a crop {box}")
    return Preprocessing(
        size=(int(box["height"]), int(box["width"])),
        interpolation=_INTERPOLATIONS[int(processor.resample)],
        resize_mode="squash" if side is None else "shortest",
        mean=tuple(processor.image_mean),
        std=tuple(processor.image_std),
    )


def unusable(source: str, error: Exception) -> RewardError:
    """Say in a line why a folder cannot be opened."""
    return RewardError(
        f"transformers cannot open {source}: {first_lines(error)}; expected a CLIP, SigLIP or BLIP "
        "with its weights, its preprocessor_config.json and its tokenizer's files"
    )
