"""What a trial is to be: who rates where, and for how long."""

from dataclasses import dataclass
from pathlib import Path

from rl_finetune.validation import require


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Who rates where, and for how long."""

    num_raters: int = 20
    """Raters at once, at the apps by turns."""
    seconds: float = 60.0
    """Time from the first answer to the kill."""
    look_s: float = 2.0
    """Time that a rater looks at a pair, about."""
    store: str = ""
    """URL of an empty PostgreSQL database; empty: a DuckDB file."""
    num_apps: int = 1
    """App processes; more than one needs PostgreSQL to be what it is meant for."""
    num_stored: int = 2000
    """Comparisons of earlier days."""
    num_images: int = 120
    """Images that `generate` draws beside the raters."""
    results: Path = Path("benchmarks/results/raters.json")
    """File of the figures, a row for each kind of store."""

    def __post_init__(self) -> None:
        require(self.num_raters >= 1, "num_raters", self.num_raters, ">= 1")
        require(self.seconds >= 1, "seconds", self.seconds, ">= 1")
        require(self.look_s >= 1, "look_s", self.look_s, ">= 1, or answers come too fast to count")
        require(self.num_apps >= 1, "num_apps", self.num_apps, ">= 1")
        require(self.num_stored >= 100, "num_stored", self.num_stored, ">= 100, to fit on")
        require(self.num_images >= 2, "num_images", self.num_images, ">= 2, to make a pair")

    @property
    def kind(self) -> str:
        """Name of the database."""
        return "PostgreSQL" if self.store else "DuckDB"

    @property
    def num_pairs(self) -> int:
        """Pairs that wait for the crowd: more than it can answer."""
        return 50 + round(3 * self.num_raters * self.seconds / self.look_s)
