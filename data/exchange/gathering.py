"""Exchanged comparisons become records of a workspace, each of them checked."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from data.exchange.checks import LONGEST_NAME, check_name, check_text, refuse
from data.exchange.known import Known, same_pair
from data.exchange.record import ExchangedComparison, Preference
from data.exchange.votes import VoteNumbers, vote_name
from data.files import digest, sha256_of
from data.imported_answers import answer_key, content_key
from data.prompts import MAX_CHARACTERS
from data.records import (
    IMPORTED,
    Aspect,
    Choice,
    Comparison,
    Image,
    Pair,
    Policy,
    Prompt,
    Rater,
    RaterKind,
    Sampler,
    Split,
)
from data.store import Batch

PREFIX = f"{IMPORTED}:"
"""Before the names of policies, so that no model from elsewhere is taken for one of the rounds."""


class Content(NamedTuple):
    """An image that was checked and saved; sizes in pixels."""

    sha256: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What holds of comparisons where their table tells nothing."""

    source: str
    """Names policies and raters that have no name of their own, and the set of the prompts."""
    rater_kind: RaterKind = RaterKind.PERSON
    round: int = 0
    split: Split = "compared"
    aspects: tuple[Aspect, ...] = (Aspect.OVERALL,)
    """What is asked about the pairs, where they are yet to be compared."""


class Gathering:
    """Collects a batch, comparison by comparison; one that does not fit is an `ExchangeError`."""

    def __init__(self, origin: Origin, known: Known) -> None:
        """Begin with nothing but what is known already."""
        self._origin = origin
        self._known = known
        self.num_known = 0
        """Comparisons that were given and are there already."""
        self._prompts: dict[str, Prompt] = {}
        self._policies: dict[str, Policy] = {}
        self._images: dict[str, Image] = {}
        self._pairs: dict[str, Pair] = {}
        self._new_pairs: set[str] = set()
        self._raters: dict[str, Rater] = {}
        self._comparisons: list[Comparison] = []
        self._row_of: dict[tuple[str, ...], int] = {}
        self._numbers = VoteNumbers(known.votes)

    def batch(self) -> Batch:
        """Return all that was gathered, without what only known comparisons are about."""
        pairs = [pair for pair in self._pairs.values() if pair.pair_id in self._new_pairs]
        shown = {image for pair in pairs for image in (pair.image_a, pair.image_b)}
        images = [image for image in self._images.values() if image.image_id in shown]
        prompts, policies = {each.prompt_id for each in images}, {each.policy for each in images}
        raters = {comparison.rater_id for comparison in self._comparisons}
        return Batch(
            prompts=[each for each in self._prompts.values() if each.prompt_id in prompts],
            policies=[each for each in self._policies.values() if each.name in policies],
            images=images,
            pairs=pairs,
            raters=[each for each in self._raters.values() if each.rater_id in raters],
            comparisons=self._comparisons,
        )

    def images(self) -> list[Image]:
        """Return all images that were given, those of known comparisons too."""
        return list(self._images.values())

    def add(self, given: ExchangedComparison, content_a: Content, content_b: Content) -> None:
        """Add a pair, and what was said of it if anything was."""
        if content_a.sha256 == content_b.sha256:
            refuse(given.row, "both images are the same; expected two that differ")
        prompt = self._prompt(given)
        image_a = self._image(given, prompt, given.policy_a, content_a)
        image_b = self._image(given, prompt, given.policy_b, content_b)
        pair = Pair.new(
            round=self._origin.round,
            prompt_id=prompt.prompt_id,
            image_a=image_a,
            image_b=image_b,
            aspects=self._origin.aspects,
        )
        pair = self._pairs.setdefault(pair.pair_id, pair)
        if given.preference is None or self._compare(
            given, given.preference, pair, image_a, image_b
        ):
            self._new_pairs.add(pair.pair_id)

    def _prompt(self, given: ExchangedComparison) -> Prompt:
        text = given.prompt.strip()  # as prompt sets have it: else it would be another prompt
        check_text(given.row, "prompt", text, MAX_CHARACTERS)
        check_text(given.row, "family", given.family, LONGEST_NAME)
        prompt = Prompt.new(
            text,
            family=given.family,
            split=given.split or self._origin.split,
            prompt_set=PREFIX + self._origin.source,
        )
        known = self._prompts.setdefault(prompt.prompt_id, prompt)
        if known.split != prompt.split:
            refuse(
                given.row, f"the prompt is in split {known.split} above and in {prompt.split} here"
            )
        return known

    def _image(
        self, given: ExchangedComparison, prompt: Prompt, policy: str | None, content: Content
    ) -> str:
        """Add an image and return its id."""
        name = PREFIX + (policy or self._origin.source)
        check_name(given.row, "model's name", name)
        self._policies.setdefault(name, Policy(name=name, base=IMPORTED))
        width, height = content.width, content.height
        image = Image.new(
            sha256=content.sha256,
            policy=name,
            prompt_id=prompt.prompt_id,
            seed=int(content.sha256[:15], 16),  # none is known; the content tells images apart
            sampler=Sampler(
                scheduler=IMPORTED, num_steps=0, guidance=0.0, eta=0.0, width=width, height=height
            ),
            round=self._origin.round,
        )
        self._images.setdefault(image.image_id, image)
        return image.image_id

    def _compare(
        self, given: ExchangedComparison, preference: Preference, pair: Pair, a: str, b: str
    ) -> bool:
        """Add what was said of a pair; return whether it is new."""
        if given.comparison_id is not None:
            self._refuse_second(given, (given.comparison_id,), "the same comparison_id as")
            if given.rater is None and self._known.has(given.comparison_id):
                self.num_known += 1  # and it has its number already
                return False
        rater = self._rater(given, pair)
        told = (rater.rater_id, same_pair(pair), given.aspect.value, given.own_id)
        self._refuse_second(given, told, "the same rater on the same pair as")
        a_is_left = _is_a_left(given, a, b)
        preferred = {Preference.A: a, Preference.B: b}.get(preference, preference.value)
        left = a if a_is_left else b
        content = content_key([*told, preferred, left, given.milliseconds, given.created_at])
        if self._known.has(content, given.comparison_id):
            self.num_known += 1
            return False
        comparison = Comparison.new(
            pair_id=pair.pair_id,
            rater_id=rater.rater_id,
            choice=choice_of(preference, a_is_left=a_is_left),
            aspect=given.aspect,
            shown_left=left,
            milliseconds=given.milliseconds,
            idempotency_key=answer_key(content, by_time=bool(given.rater and given.created_at)),
        )
        known_by = given.comparison_id or digest(content)
        when = given.created_at or comparison.created_at
        self._comparisons.append(replace(comparison, comparison_id=known_by, created_at=when))
        return True

    def _refuse_second(
        self, given: ExchangedComparison, told: tuple[str, ...], problem: str
    ) -> None:
        if told in self._row_of:
            refuse(given.row, f"{problem} in row {self._row_of[told]}")
        self._row_of[told] = given.row

    def _rater(self, given: ExchangedComparison, pair: Pair) -> Rater:
        """Return who it was; nameless votes on one pair are by so many nameless raters."""
        kind, name = given.rater_kind or self._origin.rater_kind, given.rater
        if name is None:
            asked = (same_pair(pair), kind.value, given.aspect.value)
            number = self._numbers.next(asked, has_id=given.comparison_id is not None)
            name = vote_name(self._origin.source, number)
        check_name(given.row, "rater's name", name)
        rater = Rater.new(name, kind)
        return self._raters.setdefault(rater.rater_id, rater)


def _is_a_left(given: ExchangedComparison, a: str, b: str) -> bool:
    """Return the side that was told, else one drawn by the content: the better is not always left.

    The same is drawn in every import.
    """
    if given.a_is_left is not None:
        return given.a_is_left
    return (int(sha256_of("".join(sorted((a, b))).encode()), 16) % 2 == 0) == (a < b)


def choice_of(preference: Preference, *, a_is_left: bool) -> Choice:
    """Return what was said of two images in terms of the sides that they stood on."""
    if preference in (Preference.A, Preference.B):
        return Choice.LEFT if (preference is Preference.A) == a_is_left else Choice.RIGHT
    return Choice(preference.value)
