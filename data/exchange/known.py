"""What a workspace knows already of what an import brings: comparisons, and nameless votes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from data.exchange.votes import Asked, Votes, number_of
from data.files import digest
from data.imported_answers import content_of
from data.records import Comparison, Pair
from data.store import Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Comparisons that are on record, withdrawn ones too."""

    names: frozenset[str] = frozenset()
    """Their ids, and what they tell."""
    votes: Votes = field(default_factory=dict)
    """Those of raters without a name."""

    def has(self, *names: str | None) -> bool:
        """Whether a comparison is known by one of its names."""
        return not self.names.isdisjoint(names)


def known_in(store: Store, source: str | None = None) -> Known:
    """Read what is there; of nameless votes those of one source, if one is named."""
    events = store.comparison_events()
    names = {name for e in events for name in (e.comparison_id, content_of(e.idempotency_key))}
    votes = {} if source is None else _votes(store, events, source)
    return Known(names=frozenset(names), votes=votes)


def same_pair(pair: Pair) -> str:
    """Return what a pair is known by in all rounds: its id in round 0."""
    return Pair.new(
        round=0, prompt_id=pair.prompt_id, image_a=pair.image_a, image_b=pair.image_b
    ).pair_id


def _votes(store: Store, events: Iterable[Comparison], source: str) -> Votes:
    """Return the numbers of a source's votes by what was asked, and which have their own id."""
    voters = {
        rater.rater_id: (number, rater.kind.value)
        for rater in store.raters()
        if (number := number_of(rater.name, source))
    }
    cast = [event for event in events if event.rater_id in voters]
    pairs = {pair.pair_id: same_pair(pair) for pair in store.pairs()} if cast else {}
    votes: dict[Asked, dict[int, bool]] = {}
    for event in cast:
        number, kind = voters[event.rater_id]
        has_id = event.comparison_id != digest(content_of(event.idempotency_key))
        votes.setdefault((pairs[event.pair_id], kind, event.aspect.value), {})[number] = has_id
    return votes
