"""What is varied: each experiment yields cells, and a cell is one fit with one seed.

A cell's record says what was fitted and how often it orders pairs as they are, on the prompts that
were compared and on those that never are.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.learning.answers import BY_CHANCE, Asked, answer, honest, random_pairs
from benchmarks.learning.fits import Bench, order
from benchmarks.learning.tables import FITS, SIZES, UNTOUCHED
from reward_training.choosing import choose, information_gain
from reward_training.config import ModelConfig, RaterTrust, TieModel, TrainingConfig
from reward_training.inputs.dataset import Comparisons
from reward_training.inputs.outcomes import DECIDED
from reward_training.learning.training import Fitting

Record = dict[str, Any]
MODELS = dict(
    zip(
        FITS,
        (
            ModelConfig(train="head", head="mlp"),
            ModelConfig(train="text"),
            ModelConfig(train="last", blocks=0.5),
            ModelConfig(train="lora"),
            ModelConfig(train="all"),
        ),
        strict=True,
    )
)
NUM_ANSWERS = 600
STEP, NUM_STEPS = 150, 4
RANDOM_SHARE = 0.25


@dataclass(frozen=True)
class Cell:
    """One fit to be made."""

    experiment: str
    variant: str
    seed: int
    make: Callable[[Bench], Iterator[Record]]
    """Makes the records of the cell: one, or one for each step."""

    @property
    def name(self) -> str:
        """What its file is called."""
        said = f"{self.experiment} {self.variant} {self.seed}"
        return re.sub(r"[^a-z0-9]+", "-", said.lower())


def cells(experiment: str, seed: int) -> list[Cell]:
    """List an experiment's cells of a seed."""
    return [
        Cell(experiment, variant, seed, make)
        for variant, make in _VARIANTS[experiment](seed).items()
    ]


def _curve(seed: int) -> dict[str, Callable[[Bench], Iterator[Record]]]:
    def of(model: ModelConfig, size: int) -> Callable[[Bench], Iterator[Record]]:
        def make(bench: Bench) -> Iterator[Record]:
            answers = _asked(bench, SIZES[-1], seed, honest(1))
            # The same answers for every model, and a smaller number is the larger one's beginning.
            training = TrainingConfig(seed=seed, device="cpu")
            fitting = bench.fit_by_folds(answers.take(torch.arange(size)), model, training)
            yield _seen(bench, fitting.reward) | {"comparisons": size}

        return make

    return {
        f"{name}, {size}": of(model, size) for size in SIZES for name, model in MODELS.items()
    } | {UNTOUCHED: _untouched}


def _untouched(bench: Bench) -> Iterator[Record]:
    yield _seen(bench, bench.untouched(ModelConfig(), 0)) | {"comparisons": 0}


def _raters(seed: int) -> dict[str, Callable[[Bench], Iterator[Record]]]:
    def of(
        *, random: bool, trust: RaterTrust, leave_out: bool = False
    ) -> Callable[..., Iterator[Record]]:
        def make(bench: Bench) -> Iterator[Record]:
            raters = [*honest(4), BY_CHANCE if random else "rater 5"]
            answers = _asked(bench, NUM_ANSWERS, seed, raters)
            if leave_out:
                kept = [rater != BY_CHANCE for rater in answers.raters]
                answers = answers.take(torch.tensor(kept).nonzero().flatten())
            training = TrainingConfig(seed=seed, device="cpu", raters=trust)
            fitting, record = _fitted(bench, answers, ModelConfig(), seed, training)
            found = fitting.reward.reliability
            yield record | ({} if found is None else {"reliability": found.by_name()})

        return make

    return {
        "five honest, equal": of(random=False, trust="equal"),
        "five honest, learned": of(random=False, trust="learned"),
        "four honest and one at random, equal": of(random=True, trust="equal"),
        "four honest and one at random, learned": of(random=True, trust="learned"),
        "four honest alone": of(random=True, trust="equal", leave_out=True),
    }


def _ties(seed: int) -> dict[str, Callable[[Bench], Iterator[Record]]]:
    def of(ties: TieModel, drop: tuple[int, ...] = ()) -> Callable[[Bench], Iterator[Record]]:
        def make(bench: Bench) -> Iterator[Record]:
            answers = _asked(bench, NUM_ANSWERS, seed, honest(1))
            kept = torch.tensor([outcome not in drop for outcome in answers.outcome.tolist()])
            model = ModelConfig(ties=ties)
            yield _fitted(bench, answers.take(kept.nonzero().flatten()), model, seed)[1]

        return make

    undecided = tuple(set(range(4)) - set(DECIDED))
    return {
        "choices alone": of("none", undecided),
        "ties as half a choice": of("none"),
        "Rao-Kupper": of("rao_kupper"),
        "Davidson without both bad": of("davidson", (3,)),
        "Davidson with both bad": of("davidson"),
    }


def _active(seed: int) -> dict[str, Callable[[Bench], Iterator[Record]]]:
    def of(*, by_information: bool) -> Callable[[Bench], Iterator[Record]]:
        def make(bench: Bench) -> Iterator[Record]:
            rng = np.random.default_rng([seed, 1])
            pairs = random_pairs(bench.pool, STEP, rng)
            for step in range(NUM_STEPS):
                answers = answer(bench.pool, pairs, honest(1), np.random.default_rng([seed, 2]))
                fitting, record = _fitted(bench, answers, ModelConfig(), seed)
                yield record | {"decided": int((answers.outcome < len(DECIDED)).sum())}
                if step + 1 < NUM_STEPS:
                    pairs = pairs + _next(bench, fitting, answers, pairs, rng, by_information)

        return make

    return {"by chance": of(by_information=False), "by information": of(by_information=True)}


def _next(
    bench: Bench,
    fitting: Fitting,
    answers: Comparisons,
    pairs: list[Asked],
    rng: np.random.Generator,
    by_information: bool,
) -> list[Asked]:
    """Choose the next pairs as a round does: a quarter by chance, the rest as asked."""
    asked = set(pairs)
    fresh = [
        pair for pair in random_pairs(bench.pool, 2 * STEP + len(asked), rng) if pair not in asked
    ]
    if not by_information:
        return fresh[:STEP]
    by_chance = fresh[: round(RANDOM_SHARE * STEP)]
    candidates = [pair for pair in _all_pairs(bench) if pair not in asked]
    place_of = {pair: place for place, pair in enumerate(candidates)}
    drawn = choose(
        _gains(bench, fitting, answers, candidates),
        num=STEP - len(by_chance),
        evenly=[place_of[pair] for pair in by_chance],
        rng=rng,
    )
    return by_chance + [candidates[each.candidate] for each in drawn]


def _all_pairs(bench: Bench) -> list[Asked]:
    pool = bench.pool
    prompts = (~pool.is_unseen).nonzero().flatten().tolist()
    images = [pool.images_of(prompt) for prompt in prompts]
    return [(a, b) for own in images for place, a in enumerate(own) for b in own[place + 1 :]]


@torch.no_grad()
def _gains(
    bench: Bench, fitting: Fitting, answers: Comparisons, candidates: list[Asked]
) -> np.ndarray:
    reward, rows = fitting.reward, torch.arange(len(bench.pool.prompt))
    seen = fitting.features.images(rows), fitting.features.prompts(bench.pool.prompt)
    features, rewards = reward.head.last_features(*seen), reward.head(*seen)
    both = torch.tensor(candidates)
    gains = information_gain(
        features[both],
        rewards[both],
        fitting.posterior(answers),
        tie_logit=reward.tie_logit,
        bar=reward.bar,
        ties=reward.ties,
    )
    return gains.numpy()


def _asked(bench: Bench, num: int, seed: int, raters: list[str]) -> Comparisons:
    rng = np.random.default_rng([seed, 0])
    return answer(bench.pool, random_pairs(bench.pool, num, rng), raters, rng)


def _fitted(
    bench: Bench,
    answers: Comparisons,
    model: ModelConfig,
    seed: int,
    training: TrainingConfig | None = None,
) -> tuple[Fitting, Record]:
    fitting = bench.fit(answers, model, training or TrainingConfig(seed=seed, device="cpu"))
    return fitting, _seen(bench, fitting.reward) | {"comparisons": len(answers)}


def _seen(bench: Bench, reward: Any) -> Record:  # noqa: ANN401
    return {
        "unseen": asdict(order(bench, reward, unseen=True)),
        "compared": asdict(order(bench, reward, unseen=False)),
    }


_VARIANTS = {"curve": _curve, "raters": _raters, "ties": _ties, "active": _active}
EXPERIMENTS = tuple(_VARIANTS)
