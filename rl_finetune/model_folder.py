"""What a folder in diffusers' format says that it is, read without opening a network."""

import json
from pathlib import Path

from data.errors import PolicyError

INDEX_FILE = "model_index.json"
_PIPELINE = "StableDiffusionPipeline"


def could_be_on_hub(base: str) -> bool:
    """Return whether a base is to be looked for on the hub: no path, and no folder that is here."""
    is_id = base.count("/") == 1 and not base.startswith(("/", ".", "~"))
    return is_id and not Path(base).exists()


def require_model_folder(folder: Path) -> None:
    """Raise `PolicyError` unless the folder says that it is a Stable Diffusion 1.x or 2.x."""
    index = folder / INDEX_FILE
    if not folder.is_dir():
        raise PolicyError(f"{folder}: no such folder; expected a Stable Diffusion model")
    if not index.is_file():
        raise PolicyError(f"{folder}: no {INDEX_FILE}; expected a model in diffusers' format")
    try:
        pipeline = json.loads(index.read_text(encoding="utf-8")).get("_class_name")
    except (ValueError, AttributeError):
        raise PolicyError(f"{index}: not readable as JSON; copy the model again") from None
    require_pipeline(str(folder), pipeline)


def require_pipeline(base: str, pipeline: object) -> None:
    """Raise `PolicyError` unless a base's index names the pipeline that is supported."""
    if pipeline != _PIPELINE:
        raise PolicyError(f"{base} is a {pipeline}; supported is {_PIPELINE} (1.x and 2.x)")
