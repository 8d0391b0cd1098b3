"""Nameless votes: several on one pair are by so many raters, who have numbers for names.

No vote may take the number of another one that stands, for a rater has one answer to a question.
Votes that are known by an id keep their number wherever they come in a table. Those without one can
be told apart by their place alone: they count 1, 2, 3 in every import, past the numbers of votes
with an id, so that the same table again is the same votes.
"""

from collections.abc import Mapping
from itertools import count

Asked = tuple[str, str, str]
"""A pair in whichever round, the kind of rater, and the aspect."""

Votes = Mapping[Asked, Mapping[int, bool]]
"""The numbers of votes that are on record, and whether each has an id of its own."""


class VoteNumbers:
    """Gives the votes of one source their numbers."""

    def __init__(self, recorded: Votes) -> None:
        """Begin with what earlier imports brought."""
        self._recorded = recorded
        self._given: dict[Asked, dict[int, bool]] = {}

    def next(self, asked: Asked, *, has_id: bool) -> int:
        """Return the number of a vote that is not on record by its id."""
        recorded, given = self._recorded.get(asked, {}), self._given.setdefault(asked, {})
        # A number without an id is free for votes without one: in this table they say it again.
        taken = {*given, *(n for n, is_other in recorded.items() if has_id or is_other)}
        number = next(n for n in count(1) if n not in taken)
        given[number] = has_id
        return number


def vote_name(source: str, number: int) -> str:
    """Return the name of the rater who gave a vote."""
    return f"{source}, vote {number}"


def number_of(name: str, source: str) -> int | None:
    """Return the number of a vote of a source's; None for other names."""
    number = name.removeprefix(vote_name(source, 0)[:-1])
    is_one = number != name and number.isascii() and number.isdigit()
    return int(number) if is_one else None
