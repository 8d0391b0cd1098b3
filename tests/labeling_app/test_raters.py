import pytest

from data.errors import TastemakerError
from data.records import Rater, RaterKind
from data.workspace import Workspace
from labeling_app.raters import clean_name, find_person, people, welcome


def test_the_same_name_is_the_same_person(workspace: Workspace):
    store = workspace.store()
    first = welcome(store, "  Ada   Lovelace ")
    assert first.name == "Ada Lovelace"
    assert first.kind is RaterKind.PERSON
    assert welcome(store, "ada lovelace") == find_person(store, "ADA LOVELACE") == first
    assert people(store) == [first]


def test_a_simulated_rater_is_nobodys_name(workspace: Workspace):
    store = workspace.store()
    simulated = Rater.new("Ada", RaterKind.SIMULATED)
    store.add_rater(simulated)
    assert find_person(store, "Ada") is None
    assert welcome(store, "Ada").rater_id != simulated.rater_id


@pytest.mark.parametrize("name", ["Zoë", "李雷", "O'Brien", "<b>x</b>", "🦊"])
def test_people_may_be_called_anything(name: str):
    assert clean_name(name) == name


@pytest.mark.parametrize("typed", ["", "   ", "x" * 121, "a\x00b", "a\u202eb"])
def test_names_that_cannot_be_used_are_refused(typed: str):
    with pytest.raises(TastemakerError):
        clean_name(typed)
