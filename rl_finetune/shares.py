"""What a run's processes share evenly: an iteration's images, and a supervised update's."""

from devices.processes import Processes
from rl_finetune.config import TuneConfig


def share_of_images(processes: Processes, num: int) -> slice:
    """Return which of an iteration's images are this process's; `ConfigError` where uneven."""
    return processes.share(
        num, "images an iteration (sampling.num_prompts x num_images_per_prompt)"
    )


def share_of_batch(processes: Processes, size: int) -> slice:
    """Return which of a supervised update's images are this process's; `ConfigError` likewise."""
    return processes.share(size, "images an update (supervised.batch_size)")


def refuse_uneven_shares(config: TuneConfig, processes: Processes, num_prompts: int) -> None:
    """Raise `ConfigError`, before anything is opened or drawn, where the processes do not fit."""
    sampling = config.sampling
    drawn = min(sampling.num_prompts, num_prompts) * sampling.num_images_per_prompt
    share_of_images(processes, drawn)
    if config.objective != "dpok":
        share_of_batch(processes, config.supervised.batch_size)
