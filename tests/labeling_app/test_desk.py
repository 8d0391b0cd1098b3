import threading
from dataclasses import replace

import pytest

from data.assignment import LEASE
from data.errors import StoreBusy
from data.records import Aspect, Choice, Comparison, Rater, RaterKind, utc_now
from data.workspace import Workspace
from labeling_app.desk import Desk, Outcome, View, desk_of
from labeling_app.presses import Press
from labeling_app.progress import title
from labeling_app.sides import left_image


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Sitting:
    """A rater at a desk who takes their time."""

    def __init__(self, workspace: Workspace, rater: Rater) -> None:
        self.store = workspace.store()
        self.clock = Clock()
        self.desk = Desk(self.store, rater, self.clock)
        self.desk.refresh()

    def press(self, choice: Choice, *, after_s: float = 1.0, token: str | None = None) -> Outcome:
        self.clock.now_s += after_s
        token = token or self.desk.view().token
        outcome = self.desk.press(Press(choice=choice, token=token, milliseconds=700))
        self.desk.refill()
        return outcome

    @property
    def view(self) -> View:
        return self.desk.view()

    @property
    def pair_id(self) -> str | None:
        card = self.view.card
        return card and card.question.pair.pair_id

    def stored(self) -> list[Comparison]:
        return self.store.comparisons()


@pytest.fixture
def sitting(workspace: Workspace, ada: Rater) -> Sitting:
    return Sitting(workspace, ada)


def test_every_pair_is_served_once_and_stored_as_pressed(sitting: Sitting, ada: Rater):
    choices = [Choice.LEFT, Choice.RIGHT, Choice.TIE, Choice.BOTH_BAD, Choice.SKIP]
    cards = []
    for choice in choices:
        cards.append(sitting.view.card)
        assert sitting.press(choice) is Outcome.RECORDED
    assert sitting.view.card is None
    assert sitting.view.progress.fraction == 1
    assert len({card.question.pair.pair_id for card in cards}) == 5
    stored = sitting.stored()
    assert [c.choice for c in stored] == choices
    assert [c.pair_id for c in stored] == [card.question.pair.pair_id for card in cards]
    for card, comparison in zip(cards, stored, strict=True):
        assert comparison.shown_left == card.left == left_image(card.question.pair, ada.rater_id)
        assert comparison.milliseconds == 700
        assert sitting.store.image(comparison.shown_left).sha256 == card.left_sha256


def test_pairs_ahead_are_the_ones_that_come(sitting: Sitting):
    expected = [card.question.pair.pair_id for card in sitting.view.ahead]
    served = []
    for _ in expected:
        sitting.press(Choice.LEFT)
        served.append(sitting.pair_id)
    assert served == expected


def test_a_held_key_records_one(sitting: Sitting):
    outcomes = [sitting.press(Choice.LEFT, after_s=0.05) for _ in range(40)]
    assert outcomes == [Outcome.RECORDED] + [Outcome.TOO_FAST] * 39
    assert len(sitting.stored()) == 1


def test_a_press_on_a_showing_that_is_over_records_nothing(sitting: Sitting):
    old = sitting.view.token
    sitting.press(Choice.LEFT)
    assert sitting.press(Choice.RIGHT, token=old) is Outcome.STALE
    assert [c.choice for c in sitting.stored()] == [Choice.LEFT]


def test_undo_shows_that_pair_again_then_goes_on(sitting: Sitting):
    first = sitting.pair_id
    sitting.press(Choice.LEFT)
    second = sitting.pair_id
    assert sitting.press(Choice.UNDO) is Outcome.UNDONE
    assert sitting.pair_id == first
    assert sitting.stored() == []
    assert sitting.view.progress.num_answered == 0
    sitting.press(Choice.RIGHT)
    assert sitting.pair_id == second
    assert [(c.pair_id, c.choice) for c in sitting.stored()] == [(first, Choice.RIGHT)]


def test_undo_goes_back_step_by_step_even_from_the_end(sitting: Sitting):
    served = []
    for _ in range(5):
        served.append(sitting.pair_id)
        sitting.press(Choice.TIE)
    for pair_id in reversed(served):
        assert sitting.press(Choice.UNDO) is Outcome.UNDONE
        assert sitting.pair_id == pair_id
    assert sitting.press(Choice.UNDO) is Outcome.NOTHING_TO_UNDO
    assert sitting.stored() == []


def test_undo_reaches_only_ones_own_comparisons(sitting: Sitting, workspace: Workspace):
    bob = Rater.new("Bob", RaterKind.PERSON)
    workspace.store().add_rater(bob)
    assert Sitting(workspace, bob).press(Choice.LEFT) is Outcome.RECORDED
    assert sitting.press(Choice.UNDO) is Outcome.NOTHING_TO_UNDO
    assert len(sitting.stored()) == 1


def test_a_refresh_goes_on_at_the_same_showing(sitting: Sitting):
    sitting.press(Choice.LEFT)
    before = sitting.view
    sitting.desk.refresh()
    assert sitting.view.token == before.token
    assert sitting.view.card == before.card


def test_a_refresh_after_undo_still_shows_the_undone_pair(sitting: Sitting):
    for _ in range(3):
        sitting.press(Choice.LEFT)
    sitting.press(Choice.UNDO)
    undone = sitting.pair_id
    sitting.desk.refresh()
    assert sitting.pair_id == undone


def test_a_new_process_goes_on_where_the_old_one_was(
    sitting: Sitting, workspace: Workspace, ada: Rater
):
    for choice in (Choice.LEFT, Choice.UNDO, Choice.TIE):
        sitting.press(choice)
    later = Sitting(workspace, ada)
    assert later.pair_id == sitting.pair_id
    assert later.view.progress.num_answered == 1
    assert later.press(Choice.RIGHT) is Outcome.RECORDED
    assert sitting.press(Choice.UNDO) is Outcome.UNDONE
    assert [c.choice for c in sitting.stored()] == [Choice.TIE]


def test_two_tabs_of_one_rater_share_a_desk(workspace: Workspace, ada: Rater):
    store = workspace.store()
    desk = desk_of(store, ada)
    assert desk_of(workspace.store(), ada) is desk
    token = desk.view().token
    press = Press(choice=Choice.LEFT, token=token, milliseconds=500)
    tabs = [threading.Thread(target=desk.press, args=(press,)) for _ in range(2)]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    assert len(store.comparisons()) == 1


def test_two_raters_share_the_pairs_and_see_how_far_the_round_is(
    sitting: Sitting, workspace: Workspace
):
    bob = Rater.new("Bob", RaterKind.PERSON)
    workspace.store().add_rater(bob)
    other = Sitting(workspace, bob)
    seen = {sitting.pair_id, *(card.question.pair.pair_id for card in sitting.view.ahead)}
    assert other.pair_id not in seen
    while other.view.card is not None:
        seen.add(other.pair_id)
        assert other.press(Choice.LEFT) is Outcome.RECORDED
    assert len(seen) == 4  # Ada has one more than she is shown
    assert other.view.progress.fraction < 1  # Ada holds the rest
    while sitting.view.card is not None:
        sitting.press(Choice.LEFT)
    sitting.desk.refresh()
    assert sitting.view.progress.fraction == 1
    assert len(sitting.stored()) == 5


def test_who_comes_back_too_late_is_shown_the_next_pair(
    sitting: Sitting, workspace: Workspace, monkeypatch
):
    pair_id = sitting.pair_id
    bob = Rater.new("Bob", RaterKind.PERSON)
    workspace.store().add_rater(bob)
    monkeypatch.setattr("data.assignment.utc_now", lambda: utc_now() + 2 * LEASE)
    other = Sitting(workspace, bob)
    while other.view.card is not None:
        other.press(Choice.LEFT)
    assert sitting.press(Choice.RIGHT) is Outcome.TAKEN
    assert sitting.pair_id != pair_id
    assert {c.rater_id for c in sitting.stored()} == {bob.rater_id}
    assert len(sitting.stored()) == 5


def test_the_newest_round_is_rated(sitting: Sitting, workspace: Workspace, add_round):
    for _ in range(5):
        sitting.press(Choice.LEFT)
    assert sitting.view.card is None
    newest = add_round(workspace, 2, number=2)
    sitting.desk.refresh()
    assert sitting.pair_id in {pair.pair_id for pair in newest}
    progress = sitting.view.progress
    assert (progress.round, progress.num_answered, progress.num_seats) == (2, 0, 2)


def test_what_the_store_refused_can_be_pressed_again(sitting: Sitting, ada: Rater):
    class BusyOnce:
        def __init__(self, store):
            self.store = store
            self.is_busy = True

        def __getattr__(self, name):
            return getattr(self.store, name)

        def answer(self, comparison):
            if self.is_busy:
                self.is_busy = False
                raise StoreBusy("in use by another program")
            return self.store.answer(comparison)

    sitting.desk._store = BusyOnce(sitting.store)
    pair_id = sitting.pair_id
    with pytest.raises(StoreBusy):
        sitting.press(Choice.LEFT)
    assert sitting.pair_id == pair_id
    assert sitting.press(Choice.LEFT) is Outcome.RECORDED
    assert [c.pair_id for c in sitting.stored()] == [pair_id]


def test_an_answer_that_was_saved_is_told_as_saved_though_the_next_pair_cannot_be_looked_up(
    sitting: Sitting, monkeypatch
):
    def busy(*_):
        raise StoreBusy("in use by another program")

    token, first = sitting.view.token, sitting.pair_id
    sitting.desk._queue = sitting.desk._queue[:1]
    with monkeypatch.context() as patched:
        patched.setattr(sitting.desk._standing, "look_up", busy)
        sitting.clock.now_s += 1
        press = Press(choice=Choice.LEFT, token=token, milliseconds=700)
        assert sitting.desk.press(press) is Outcome.RECORDED
    assert sitting.view.progress.num_answered == 1
    sitting.desk.refill()
    assert sitting.pair_id not in (None, first)
    assert sitting.view.token != token


def test_a_press_on_the_ending_answers_no_pair_that_came_meanwhile(
    sitting: Sitting, workspace: Workspace, add_round
):
    while sitting.view.card is not None:
        sitting.press(Choice.TIE)
    ending = sitting.view.token
    add_round(workspace, 6)  # one more than there was
    sitting.desk.refill()  # as it is after the ending was drawn
    assert sitting.view.card is not None
    assert sitting.press(Choice.LEFT, token=ending) is Outcome.STALE
    assert [c.choice for c in sitting.stored()] == [Choice.TIE] * 5
    assert sitting.press(Choice.LEFT) is Outcome.RECORDED


def test_pairs_that_come_while_one_rates_count(sitting: Sitting, workspace: Workspace, add_round):
    add_round(workspace, 7)
    while sitting.view.card is not None:
        sitting.press(Choice.TIE)
    progress = sitting.view.progress
    assert (progress.num_answered, progress.num_seats) == (7, 7)


def test_a_study_that_comes_while_one_rates_is_told_as_one(
    sitting: Sitting, workspace: Workspace, queue_study
):
    sitting.press(Choice.LEFT)
    queue_study(workspace, 1)
    titles = []
    while sitting.view.card is not None:
        is_of_study = sitting.view.card.question.pair.study is not None
        assert (title(sitting.view.progress) == "Study") is is_of_study
        titles.append(title(sitting.view.progress))
        sitting.press(Choice.LEFT)
    assert titles.count("Study") == 1
    assert sitting.view.progress.num_answered == 5


def test_a_skip_goes_on_to_another_pair(workspace: Workspace, ada: Rater):
    store = workspace.store()
    both = (Aspect.ALIGNMENT, Aspect.QUALITY)
    pairs = [
        replace(pair, round=2, pair_id=f"two {n}", aspects=both)
        for n, pair in enumerate(store.pairs()[:2])
    ]
    store.add_pairs(pairs)
    sitting = Sitting(workspace, ada)
    skipped = sitting.pair_id
    sitting.press(Choice.SKIP)
    assert sitting.pair_id not in (None, skipped)
    for _ in both:
        sitting.press(Choice.LEFT)
    assert sitting.view.card is None
    assert len(sitting.stored()) == 3


def test_undo_stops_at_the_rounds_beginning(sitting: Sitting, workspace: Workspace, add_round):
    sitting.press(Choice.LEFT)
    add_round(workspace, 2, number=2)
    assert sitting.press(Choice.UNDO) is Outcome.NOTHING_TO_UNDO
    assert len(sitting.stored()) == 1


def test_an_empty_workspace_has_nothing_to_show(empty_workspace: Workspace):
    rater = Rater.new("Ada", RaterKind.PERSON)
    empty_workspace.store().add_rater(rater)
    sitting = Sitting(empty_workspace, rater)
    assert sitting.view.card is None
    assert sitting.view.progress.num_seats == 0
    assert sitting.press(Choice.LEFT) is Outcome.STALE


def test_a_study_is_told_as_one_and_the_round_by_itself(
    workspace: Workspace, ada: Rater, queue_study
):
    queue_study(workspace, 2)
    sitting = Sitting(workspace, ada)
    progress = sitting.view.progress
    assert (progress.is_of_studies, title(progress)) == (True, "Study")
    assert (progress.num_answered, progress.num_seats) == (0, 2)
    sitting.press(Choice.LEFT)
    assert (sitting.view.progress.num_answered, sitting.view.progress.num_seats) == (1, 2)
    sitting.press(Choice.LEFT)
    progress = sitting.view.progress
    assert (title(progress), progress.num_answered, progress.num_seats) == ("Round 1", 0, 5)
    for _ in range(5):
        sitting.press(Choice.LEFT)
    assert sitting.view.card is None
    assert (title(sitting.view.progress), sitting.view.progress.num_answered) == ("Round 1", 5)


def test_with_a_study_alone_its_end_is_the_studys(
    empty_workspace: Workspace, queue_study, ada: Rater
):
    queue_study(empty_workspace, 1)
    empty_workspace.store().add_rater(ada)
    sitting = Sitting(empty_workspace, ada)
    assert title(sitting.view.progress) == "Study"
    sitting.press(Choice.TIE)
    progress = sitting.view.progress
    assert (title(progress), progress.num_answered, progress.num_seats) == ("Study", 1, 1)
