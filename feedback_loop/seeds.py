"""Seeds of images and stages: every purpose has its own range, so no two ever share an image.

Images that are measured or shown in studies come from seeds that no pair and no tuning run uses:
they are held out. Tuning draws its seeds below 2 ** 31 (`rl_finetune.plan`); these lie above.
"""

from feedback_loop.config import LoopConfig

_MEASURE = 3_000_000_000
_PAIRS = 4_000_000_000
_STUDIES = 5_000_000_000
_PER_WORKSPACE = 1_000_000
_PER_ROUND = 10_000


def measure_seeds(config: LoopConfig) -> list[int]:
    """Return the seeds that every policy is measured on, the same for each prompt."""
    first = _MEASURE + config.seed * _PER_ROUND
    return [first + index for index in range(config.measure.num_images_per_prompt)]


def pair_seed(config: LoopConfig, number: int, index: int) -> int:
    """Return the seed of a prompt's image `index` in the pairs of a round."""
    return _PAIRS + config.seed * _PER_WORKSPACE + number * _PER_ROUND + index


def study_seeds(config: LoopConfig, seed: int, num_images: int) -> list[int]:
    """Return the seeds that a study's policies draw on, the same for each prompt."""
    first = _STUDIES + config.seed * _PER_WORKSPACE + seed * _PER_ROUND
    return [first + index for index in range(num_images)]


def round_seed(config: LoopConfig, number: int) -> int:
    """Return the seed of a round's fit and tuning run."""
    return config.seed * _PER_ROUND + number
