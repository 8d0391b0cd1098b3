"""What a run reports per iteration: one typed record, one line of metrics.jsonl."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from data.files import write_atomically
from data.json_lines import read_growing_json_lines


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageMetrics:
    """What an iteration's images say of the policy that they were sampled from."""

    reward: float
    """Mean over the iteration's images."""
    reward_std: float
    """Standard deviation over all of them."""
    reward_by_prompt: dict[str, float]
    """Mean reward of each prompt, by its text."""
    watched: dict[str, float]
    """Mean of each watched reward."""
    kl: float
    """KL to the base in nats, summed over steps and averaged over images."""
    kl_by_step: list[float | None]
    """Mean KL of each denoising step in nats; none where none was drawn."""
    seconds_sample: float
    """Time that the main process took to draw them."""
    seconds_score: float
    """Time that it took to reward them, the watched rewards included."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IterationMetrics(ImageMetrics):
    """One iteration, whatever the objective."""

    iteration: int
    """Counted from 1."""
    num_images: int
    """Images whose rewards were trained on, in all iterations so far."""
    loss: float
    """Mean over updates."""
    grad_norm: float
    """Mean over updates, before clipping to max_grad_norm."""
    seconds_update: float
    """Time of the updates in the main process, with DPOK's predictions of the base."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DpokMetrics(IterationMetrics):
    """One iteration of DPOK, whose images are those it trains on, sampled before its updates.

    The KL is estimated from the steps that were chosen.
    """

    kl_weight: float
    """Weight beta of the KL in this iteration."""
    value_loss: float | None
    """Mean squared error of the value function, each update's before it is made; none without."""
    ratio: float
    """Mean density ratio of a trained step to the policy that sampled, over all updates."""
    ratio_max: float
    ratio_by_step: list[float | None]
    clip_fraction: float
    """Share of trained steps whose ratio left the trust region."""
    live_fraction: float
    """Share of trained steps that the trust region lets learn from their advantage."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SupervisedMetrics(IterationMetrics):
    """One iteration of a supervised baseline; its images are for measuring, after its updates."""

    weight: float
    """Mean weight of an image."""
    denoising: float
    """Mean squared error of the prediction, without weights."""
    penalty: float
    """Mean squared difference to the base's prediction, without gamma."""


class MetricsFile:
    """metrics.jsonl of a run folder: one line per finished iteration, none twice."""

    def __init__(self, path: Path, record: type[IterationMetrics]) -> None:
        self._path = path
        self._record = record

    def read(self) -> list[IterationMetrics]:
        """Return the finished iterations; a line that a kill cut short does not count."""
        if not self._path.exists():
            return []
        return [self._record(**each) for each in read_growing_json_lines(self._path)]

    def keep_until(self, iteration: int) -> None:
        """Drop what came after a checkpoint, so that resuming doubles nothing."""
        kept = [record for record in self.read() if record.iteration <= iteration]
        write_atomically(self._path, "".join(_line(record) for record in kept))

    def append(self, record: IterationMetrics) -> None:
        """Add one iteration."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(record))


def _line(record: IterationMetrics) -> str:
    return json.dumps(dataclasses.asdict(record), ensure_ascii=False) + "\n"
