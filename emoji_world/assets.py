"""Where the shipped weights lie."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


def base_path() -> Path:
    """Return the folder of the text-to-image model, in Stable Diffusion's format."""
    return WEIGHTS / "base"


def clip_path() -> Path:
    """Return the folder of the CLIP, as open_clip opens it."""
    return WEIGHTS / "clip"


def judge_path() -> Path:
    """Return the folder of the judge."""
    return WEIGHTS / "judge"
