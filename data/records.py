"""The records that the store keeps: what was generated, shown, chosen, fitted and tuned.

All are frozen. Ids are digests of what makes a record itself, so that doing a thing twice adds
nothing twice; the `new` constructors fill them in. Times are naive UTC.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from data.files import digest

Split = Literal["train", "compared", "unseen"]

IMPORTED = "imported"
"""Base of a policy that only names where images came from: nothing can be drawn with it."""


class Choice(StrEnum):
    """What a rater said about a pair, in terms of the sides as shown."""

    LEFT = "left"
    RIGHT = "right"
    TIE = "tie"
    BOTH_BAD = "both_bad"
    SKIP = "skip"
    UNDO = "undo"
    """Not a judgement: it withdraws the comparison that it supersedes."""


class Aspect(StrEnum):
    """What a comparison was asked about."""

    OVERALL = "overall"
    ALIGNMENT = "alignment"
    QUALITY = "quality"


class ChosenBy(StrEnum):
    """How a pair came to be asked about."""

    CHANCE = "chance"
    INFORMATION = "information"
    """Drawn with more probability the more its answer was expected to tell."""


class RaterKind(StrEnum):
    """Who compared; simulated and model raters never count as people."""

    PERSON = "person"
    SIMULATED = "simulated"
    MODEL = "model"


def utc_now() -> datetime:
    """Return the present as a naive UTC time, as the store keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A text that images are made from."""

    prompt_id: str
    text: str
    family: str = ""
    """Capability that the prompt tests, such as "color" or "count"; empty where it has none."""
    split: Split = "train"
    """"train" prompts are compared and tuned on, "compared" ones only compared: reward models learn
    from them too. "unseen" ones are held out: nothing is ever trained on them."""
    prompt_set: str = ""

    @classmethod
    def new(
        cls, text: str, *, family: str = "", split: Split = "train", prompt_set: str = ""
    ) -> "Prompt":
        """Make a prompt whose id is the digest of its text."""
        return cls(
            prompt_id=digest(text), text=text, family=family, split=split, prompt_set=prompt_set
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampler:
    """How an image was drawn from a policy."""

    scheduler: str
    num_steps: int
    guidance: float
    eta: float
    width: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """An image model: a base, or a base with an adapter."""

    name: str
    base: str
    """Folder or hub id of the model in diffusers' format."""
    adapter: str | None = None
    """Path of the adapter's folder, relative to the workspace; none for a bare base."""
    adapter_sha256: str | None = None
    parent: str | None = None
    """Name of the policy that this one was tuned from."""
    run_id: str | None = None
    reward_model: str | None = None
    round: int = 0
    created_at: datetime = field(default_factory=utc_now)

    @property
    def is_imported(self) -> bool:
        """Whether it only names where imported images came from."""
        return self.base == IMPORTED


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """One image with its whole provenance; the pixels lie under `sha256` in the workspace."""

    image_id: str
    sha256: str
    policy: str
    prompt_id: str
    seed: int
    sampler: Sampler
    adapter_sha256: str | None = None
    round: int = 0
    width: int
    height: int
    created_at: datetime = field(default_factory=utc_now)

    @classmethod
    def new(
        cls,
        *,
        sha256: str,
        policy: str,
        prompt_id: str,
        seed: int,
        sampler: Sampler,
        adapter_sha256: str | None = None,
        round: int = 0,  # noqa: A002
    ) -> "Image":
        """Make an image record of the sampler's size, with its id."""
        return cls(
            image_id=image_id(policy, adapter_sha256, prompt_id, seed, sampler),
            sha256=sha256,
            policy=policy,
            prompt_id=prompt_id,
            seed=seed,
            sampler=sampler,
            adapter_sha256=adapter_sha256,
            round=round,
            width=sampler.width,
            height=sampler.height,
        )


def image_id(
    policy: str, adapter_sha256: str | None, prompt_id: str, seed: int, sampler: Sampler
) -> str:
    """Return the id that this drawing has, known before the image is made."""
    drawn = (sampler.scheduler, sampler.num_steps, float(sampler.guidance), float(sampler.eta))
    size = (sampler.width, sampler.height)
    return digest([policy, adapter_sha256, prompt_id, seed, drawn, size])


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two images of one prompt waiting for judgement."""

    pair_id: str
    round: int
    prompt_id: str
    image_a: str
    """An image id, as is `image_b`."""
    image_b: str
    num_raters: int = 1
    """How many people are to judge it."""
    aspects: tuple[Aspect, ...] = (Aspect.OVERALL,)
    """What is asked about it, one question after the other."""
    asked_again: bool = False
    """Whether who has judged it is shown it once more, with the sides swapped."""
    better: str | None = None
    """Of a gold pair, whose answer is known: the image that is better. Everyone is asked, nothing
    is learned from it, and the other image may be of another prompt."""
    study: str | None = None
    """Name of the study that it belongs to, if any: it is then of no round, and only measured."""
    chosen_by: ChosenBy = ChosenBy.CHANCE
    propensity: float = 1.0
    """Where chosen for its information: the probability with which it was drawn, of the pairs that
    were left when its turn came."""
    created_at: datetime = field(default_factory=utc_now)

    @classmethod
    def new(
        cls,
        *,
        round: int,  # noqa: A002
        prompt_id: str,
        image_a: str,
        image_b: str,
        num_raters: int = 1,
        aspects: tuple[Aspect, ...] = (Aspect.OVERALL,),
        asked_again: bool = False,
        better: str | None = None,
        study: str | None = None,
    ) -> "Pair":
        """Make a pair whose id does not depend on the order of its images."""
        what = [round, *sorted((image_a, image_b))]
        if better or study:
            what += [better or "", study or ""]
        return cls(
            pair_id=digest(what),
            round=round,
            prompt_id=prompt_id,
            image_a=image_a,
            image_b=image_b,
            num_raters=num_raters,
            aspects=aspects,
            asked_again=asked_again,
            better=better,
            study=study,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rater:
    """Someone or something that compares."""

    rater_id: str
    name: str
    kind: RaterKind
    traits: dict[str, Any] = field(default_factory=dict)
    """What is known of how it judges: for simulated raters the flip rate, side bias and so on."""
    created_at: datetime = field(default_factory=utc_now)

    @classmethod
    def new(cls, name: str, kind: RaterKind, traits: dict[str, Any] | None = None) -> "Rater":
        """Make a rater; the same name and kind is the same rater."""
        return cls(rater_id=digest([name, kind]), name=name, kind=kind, traits=traits or {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """One rater's choice on one pair: an event that is never altered."""

    comparison_id: str
    pair_id: str
    rater_id: str
    choice: Choice
    aspect: Aspect = Aspect.OVERALL
    shown_left: str
    """The id of the image that stood on the left."""
    milliseconds: int = 0
    """Time from showing the pair to the choice."""
    idempotency_key: str
    """Recording twice with one key keeps the first, so a retry never counts double."""
    supersedes: str | None = None
    """The comparison id that this event replaces or, for an undo, withdraws."""
    repeats: str | None = None
    """The comparison id of the rater's first answer to the same question, where it was asked again
    with the sides swapped: it tells how far they agree with themselves, and counts for nothing
    else."""
    created_at: datetime = field(default_factory=utc_now)

    @classmethod
    def new(
        cls,
        *,
        pair_id: str,
        rater_id: str,
        choice: Choice,
        shown_left: str,
        aspect: Aspect = Aspect.OVERALL,
        milliseconds: int = 0,
        idempotency_key: str | None = None,
        supersedes: str | None = None,
        repeats: str | None = None,
    ) -> "Comparison":
        """Make a comparison whose id follows from its idempotency key (random where none)."""
        key = idempotency_key or secrets.token_hex(16)
        return cls(
            comparison_id=digest(key),
            pair_id=pair_id,
            rater_id=rater_id,
            choice=choice,
            aspect=aspect,
            shown_left=shown_left,
            milliseconds=milliseconds,
            idempotency_key=key,
            supersedes=supersedes,
            repeats=repeats,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RewardModel:
    """A fitted reward with the snapshot it was fitted on."""

    name: str
    snapshot: str
    """Hash of the snapshot."""
    path: str
    """Folder, relative to the workspace."""
    metrics: dict[str, Any] = field(default_factory=dict)
    round: int = 0
    created_at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One tuning run; a later event with the same id tells its newer status."""

    run_id: str
    kind: str = "tune"
    policy_from: str
    reward: str
    path: str
    """Folder, relative to the workspace."""
    status: str
    round: int = 0
    created_at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, kw_only=True, slots=True)
class RoundEvent:
    """A stage of a round began, noted what to go on with, was stopped, waits for people, or ended.

    An attempt that has begun and of which nothing else is on record was killed.
    """

    round: int
    stage: str
    status: Literal["started", "noted", "stopped", "waiting", "finished"]
    seconds: float = 0.0
    """What the attempt took that is over with this event."""
    detail: dict[str, Any] = field(default_factory=dict)
    created_at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many current comparisons there are, always told apart by who made them."""

    by_kind: dict[RaterKind, int]
    by_choice: dict[Choice, int]
    by_round: dict[int, int]

    @property
    def total(self) -> int:
        """Number of current comparisons."""
        return sum(self.by_kind.values())
