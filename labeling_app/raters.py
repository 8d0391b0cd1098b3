"""Who is rating: a name is enough, and the same name is the same person."""

from data.errors import TastemakerError
from data.records import Rater, RaterKind
from data.store import Store

LONGEST_NAME = 120


def clean_name(typed: str) -> str:
    """Return the name without stray spaces; raise `TastemakerError` on one that cannot be used."""
    name = " ".join(typed.split())
    if not name:
        raise TastemakerError("type a name first, so that your answers stay together")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise TastemakerError(f"expected a name of at most {LONGEST_NAME} printable characters")
    return name


def people(store: Store) -> list[Rater]:
    """List the raters who are people, by name."""
    found = [rater for rater in store.raters() if rater.kind is RaterKind.PERSON]
    return sorted(found, key=lambda rater: rater.name.casefold())


def find_person(store: Store, name: str) -> Rater | None:
    """Return the person of that name, upper or lower case, if they have rated here before."""
    wanted = " ".join(name.split()).casefold()
    return next((rater for rater in people(store) if rater.name.casefold() == wanted), None)


def welcome(store: Store, typed: str) -> Rater:
    """Return the person of that name, added to the store when new."""
    name = clean_name(typed)
    known = find_person(store, name)
    if known is not None:
        return known
    rater = Rater.new(name, RaterKind.PERSON)
    store.add_rater(rater)
    return rater
