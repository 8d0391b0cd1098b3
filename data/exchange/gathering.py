"""Exchanged comparisons become records of a workspace, each of them checked."""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import NamedTuple, NoReturn

from data.errors import ExchangeError
from data.exchange.record import ExchangedComparison, Preference
from data.files import canonical_json, sha256_of
from data.plain_text import can_be_kept
from data.prompts import MAX_CHARACTERS
from data.records import (
    IMPORTED,
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

_LONGEST_NAME = 200


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


class Gathering:
    """Collects a batch, comparison by comparison; one that does not fit is an `ExchangeError`."""

    def __init__(self, origin: Origin, known: Set[str] = frozenset()) -> None:
        """Begin with nothing.

        `known` are the ids and the idempotency keys of comparisons that are there already.
        """
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
        self._num_votes = Counter[tuple[str, ...]]()

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
            _fail(given, "both images are the same; expected two that differ")
        prompt = self._prompt(given)
        image_a = self._image(given, prompt, given.policy_a, content_a)
        image_b = self._image(given, prompt, given.policy_b, content_b)
        pair = Pair.new(
            round=self._origin.round, prompt_id=prompt.prompt_id, image_a=image_a, image_b=image_b
        )
        pair = self._pairs.setdefault(pair.pair_id, pair)
        if given.preference is None or self._compare(
            given, given.preference, pair, image_a, image_b
        ):
            self._new_pairs.add(pair.pair_id)

    def _prompt(self, given: ExchangedComparison) -> Prompt:
        text = given.prompt.strip()  # as prompt sets have it: else it would be another prompt
        _check_text(given, "prompt", text, MAX_CHARACTERS)
        _check_text(given, "family", given.family, _LONGEST_NAME)
        prompt = Prompt.new(
            text,
            family=given.family,
            split=given.split or self._origin.split,
            prompt_set=PREFIX + self._origin.source,
        )
        known = self._prompts.setdefault(prompt.prompt_id, prompt)
        if known.split != prompt.split:
            _fail(given, f"the prompt is in split {known.split} above and in {prompt.split} here")
        return known

    def _image(
        self, given: ExchangedComparison, prompt: Prompt, policy: str | None, content: Content
    ) -> str:
        """Add an image and return its id."""
        name = PREFIX + (policy or self._origin.source)
        _check_name(given, "model", name)
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
        rater = self._rater(given, pair)
        told = (rater.rater_id, pair.pair_id, given.aspect.value, given.own_id)
        self._refuse_second(given, told, "the same rater on the same pair as")
        if given.comparison_id is not None:
            self._refuse_second(given, (given.comparison_id,), "the same comparison_id as")
        a_is_left = given.a_is_left
        if a_is_left is None:  # drawn by the content: the better one must not always be left
            a_is_left = (int(sha256_of("".join(sorted((a, b))).encode()), 16) % 2 == 0) == (a < b)
        preferred = {Preference.A: a, Preference.B: b}.get(preference, preference.value)
        left = a if a_is_left else b
        said = [preferred, left, given.milliseconds, given.created_at]
        key = f"{IMPORTED}:{sha256_of(canonical_json([*told, *said]).encode())}"
        if not self._known.isdisjoint({key, given.comparison_id}):
            self.num_known += 1
            return False
        comparison = Comparison.new(
            pair_id=pair.pair_id,
            rater_id=rater.rater_id,
            choice=_choice(preference, a_is_left),
            aspect=given.aspect,
            shown_left=left,
            milliseconds=given.milliseconds,
            idempotency_key=key,
        )
        known_by = given.comparison_id or comparison.comparison_id
        when = given.created_at or comparison.created_at
        self._comparisons.append(replace(comparison, comparison_id=known_by, created_at=when))
        return True

    def _refuse_second(
        self, given: ExchangedComparison, told: tuple[str, ...], problem: str
    ) -> None:
        if told in self._row_of:
            _fail(given, f"{problem} in row {self._row_of[told]}")
        self._row_of[told] = given.row

    def _rater(self, given: ExchangedComparison, pair: Pair) -> Rater:
        """Return who it was; nameless votes on one pair are by so many nameless raters."""
        kind, name = given.rater_kind or self._origin.rater_kind, given.rater
        if name is None:
            asked = (pair.pair_id, kind.value, given.aspect.value)
            self._num_votes[asked] += 1
            name = f"{self._origin.source}, vote {self._num_votes[asked]}"
        _check_name(given, "rater", name)
        rater = Rater.new(name, kind)
        return self._raters.setdefault(rater.rater_id, rater)


def _choice(preference: Preference, a_is_left: bool) -> Choice:
    if preference in (Preference.A, Preference.B):
        return Choice.LEFT if (preference is Preference.A) == a_is_left else Choice.RIGHT
    return Choice(preference.value)


def _check_name(given: ExchangedComparison, noun: str, name: str) -> None:
    _check_text(given, f"{noun}'s name", name, _LONGEST_NAME)
    if not name.isprintable():
        _fail(given, f"the {noun}'s name {name[:60]!r} has characters that cannot be shown")


def _check_text(given: ExchangedComparison, noun: str, text: str, longest: int) -> None:
    if len(text) > longest:
        _fail(given, f"the {noun} has {len(text)} characters; at most {longest} are allowed")
    if not can_be_kept(text):
        _fail(given, f"the {noun} has characters that are no text")


def _fail(given: ExchangedComparison, problem: str) -> NoReturn:
    raise ExchangeError(f"row {given.row}: {problem}")
