"""What the store holds against what the raters' pages acknowledged."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.raters.crowd import Acknowledged
from data.records import Aspect, Choice, Comparison, RaterKind
from data.store import Store


@dataclass(kw_only=True, slots=True)
class Account:
    """What is wrong, each in a line; and how much there is."""

    num_acknowledged: int
    num_stored: int
    """Events of these raters, undone ones and undos too."""
    num_on_gold: int
    """Those of them on pairs whose answer is known."""
    num_repeats: int
    """Those of them about second showings."""
    num_unacknowledged: int
    """Those of them on whose way the app was killed."""
    faults: list[str] = field(default_factory=list)


def settle(store: Store, acknowledged: Sequence[Acknowledged]) -> Account:
    """Compare; no fault means that all is there, once, and no seat is taken twice."""
    raters = {each.rater_id for each in acknowledged}
    events = [event for event in store.comparison_events() if event.rater_id in raters]
    known = {(each.rater_id, each.token) for each in acknowledged}
    beyond = [event for event in events if _showing(event) not in known]
    gold = {pair.pair_id for pair in store.gold_pairs()}
    faults = [
        *_missing(store, acknowledged, events),
        *_twice("idempotency key", [event.idempotency_key for event in events]),
        *_twice("showing", [_showing(event) for event in events]),
        *_twice("question", [_question(c) for each in raters for c in store.answers(each)]),
        *_more_than_one_on_its_way(beyond),
        *_overfull(store),
    ]
    return Account(
        num_acknowledged=len(acknowledged),
        num_stored=len(events),
        num_on_gold=sum(event.pair_id in gold for event in events),
        num_repeats=sum(event.repeats is not None for event in events),
        num_unacknowledged=len(beyond),
        faults=faults,
    )


def _showing(event: Comparison) -> tuple[str, str]:
    """Return whose it was, and its token."""
    return event.rater_id, event.idempotency_key.rpartition(":")[2]


def _question(answer: Comparison) -> tuple[str, str, str, bool]:
    """Return what may have one standing answer: a second showing is a question of its own."""
    return answer.rater_id, answer.pair_id, answer.aspect, answer.repeats is not None


def _missing(
    store: Store, acknowledged: Sequence[Acknowledged], events: Sequence[Comparison]
) -> list[str]:
    sha256 = {image.image_id: image.sha256 for image in store.images()}
    by_showing = {_showing(event): event for event in events}
    found = []
    for each in acknowledged:
        event = by_showing.get((each.rater_id, each.token))
        if event is None:
            found.append(f"not there: {each}")
        elif event.choice is not each.choice:
            found.append(f"{event.choice} is there for {each}")
        elif each.choice is not Choice.UNDO and sha256[event.shown_left] != each.left_sha256:
            found.append(f"another image on the left is there for {each}")
    return found


def _twice(what: str, values: Sequence[object]) -> list[str]:
    counted = Counter(values).items()
    return [f"{what} {num} times: {value}" for value, num in counted if num > 1]


def _more_than_one_on_its_way(beyond: Sequence[Comparison]) -> list[str]:
    num = Counter(event.rater_id for event in beyond)
    return [f"{n} events of {rater} that no page acknowledged" for rater, n in num.items() if n > 1]


def _overfull(store: Store) -> list[str]:
    """Name pairs with more raters than seats; gold pairs and second showings have no seats.

    Who leaves between two questions, or skips the second, gives the seat back.
    """
    answered: dict[tuple[str, str], set[Aspect]] = defaultdict(set)
    for comparison in store.comparisons(kind=RaterKind.PERSON):
        if comparison.choice is not Choice.SKIP:
            answered[comparison.pair_id, comparison.rater_id].add(comparison.aspect)
    pairs = store.pairs()
    asked = {pair.pair_id: set(pair.aspects) for pair in pairs}
    seated = Counter(pair_id for (pair_id, _), told in answered.items() if told == asked[pair_id])
    return [
        f"{seated[pair.pair_id]} raters on {pair.pair_id}, which has {pair.num_raters} seats"
        for pair in pairs
        if seated[pair.pair_id] > pair.num_raters
    ]
