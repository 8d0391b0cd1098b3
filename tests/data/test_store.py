import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from data import rows
from data.duckdb_file import DuckDBFile
from data.engine import Connection, Cursor
from data.errors import PromptError, StoreError, UnknownRecord, WorkspaceError
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
    RewardModel,
    RoundEvent,
    Run,
    Sampler,
)
from data.store import Batch, Store
from data.workspace import Workspace

pytestmark = pytest.mark.both_engines

Choose = Callable[..., Comparison]


def current(store: Store) -> set[tuple[str, str]]:
    return {(c.pair_id, c.choice.value) for c in store.comparisons()}


def test_what_is_added_is_what_is_read_and_adding_again_changes_nothing(
    store: Store, workspace: Workspace, refill: Callable[..., None]
):
    nouns = (store.prompts, store.policies, store.images, store.pairs, store.raters)
    before = [noun() for noun in nouns]
    assert [len(records) for records in before] == [1, 1, 12, 6, 1]
    refill(workspace)
    assert [noun() for noun in nouns] == before
    assert store.image(before[2][3].image_id) == before[2][3]
    assert store.prompt(before[0][0].prompt_id) == before[0][0]


def test_the_record_of_a_lost_image_follows_its_file_and_no_other_does(store: Store):
    images, pairs = store.images(), store.pairs()
    drawn_again = dataclasses.replace(images[3], sha256="ab" * 32, round=7)
    store.replace_lost_images([drawn_again])
    images[3] = dataclasses.replace(images[3], sha256="ab" * 32)
    assert (store.images(), store.pairs()) == (images, pairs)


def test_images_are_found_by_their_ids(store: Store):
    images = store.images()
    wanted = [images[3].image_id, images[0].image_id, "?"]
    assert store.images(image_ids=wanted) == [images[0], images[3]]
    assert store.images(image_ids=[]) == []


def test_a_record_keeps_every_field(store: Store):
    policy = Policy(
        name="round-1",
        base="x",
        adapter="policies/round-1",
        adapter_sha256="f" * 64,
        parent="base",
        run_id="r",
        reward_model="m",
        round=1,
    )
    sampler = Sampler(scheduler="ddim", num_steps=3, guidance=7.5, eta=0.1, width=8, height=4)
    image = Image.new(
        sha256="s", policy="round-1", prompt_id="p", seed=2**62, sampler=sampler, round=1
    )
    rater = Rater.new("émile 🐰", RaterKind.SIMULATED, {"flip": 0.15, "slow": None})
    model = RewardModel(name="m", snapshot="h", path="rewards/m", metrics={"held_out": [0.5]})
    event = RoundEvent(round=1, stage="fit", status="finished", seconds=1.5, detail={"n": 1})
    store.add_policy(policy)
    store.add_images([image])
    store.add_rater(rater)
    store.add_reward_model(model)
    store.add_round_event(event)
    store.add_round_event(event)
    assert store.policy("round-1") == store.newest_policy() == policy
    assert store.images(policy="round-1") == [image]
    assert store.find_rater("émile 🐰", RaterKind.SIMULATED) == rater
    assert store.find_rater("émile 🐰", RaterKind.PERSON) is None
    assert store.reward_model("m") == store.reward_models()[0] == model
    assert store.round_events(1) == [event, event]


def test_images_are_found_by_policy_round_and_prompt(store: Store):
    prompt = store.prompts()[0]
    assert len(store.images(policy="base", round=1, prompt_ids=[prompt.prompt_id])) == 12
    for nothing in ({"policy": "x"}, {"round": 2}, {"prompt_ids": ["x"]}, {"prompt_ids": []}):
        assert store.images(**nothing) == []  # type: ignore[arg-type]


def test_a_run_has_its_newest_status(store: Store):
    started = Run(run_id="r", policy_from="base", reward="m", path="runs/r", status="started")
    finished = dataclasses.replace(started, status="finished")
    store.add_run(started)
    assert store.runs() == [started]
    store.add_run(finished)
    assert store.runs() == [finished]


def test_a_prompt_may_be_in_two_sets_but_not_in_two_splits(store: Store):
    known = store.prompts()[0]
    store.add_prompts([dataclasses.replace(known, prompt_set="mine"), Prompt.new("a cat")])
    assert [p.prompt_id for p in store.prompts("mine")] == [known.prompt_id]
    assert len(store.prompts()) == 2
    held_out = dataclasses.replace(known, prompt_set="mine too", split="unseen")
    with pytest.raises(PromptError, match="already in split 'train'"):
        store.add_prompts([Prompt.new("a dog"), held_out])
    assert len(store.prompts()) == 2
    assert store.prompts(split="unseen") == []


@pytest.mark.parametrize("noun", ["prompt", "policy", "image", "reward_model"])
def test_what_is_not_there_is_named(store: Store, noun: str):
    with pytest.raises(UnknownRecord, match="'nothing'"):
        getattr(store, noun)("nothing")


def test_a_pair_needs_two_known_images_of_its_known_prompt(store: Store):
    pair = store.pairs()[0]
    other = Prompt.new("another")
    store.add_prompts([other])
    for change in ({"image_a": "x"}, {"prompt_id": "x"}, {"prompt_id": other.prompt_id}):
        with pytest.raises(UnknownRecord):
            store.add_pairs([dataclasses.replace(pair, pair_id="new", **change)])
    assert len(store.pairs()) == 6
    assert store.pairs(round=2) == []


def test_a_comparison_is_recorded_once_per_key(store: Store, choose: Choose):
    pair = store.pairs()[0]
    first = choose(pair, Choice.LEFT, idempotency_key="k", milliseconds=900)
    assert store.record_many([first]) == [first]
    assert store.record_many([choose(pair, Choice.RIGHT, idempotency_key="k")]) == [first]
    assert store.comparisons() == store.comparison_events() == [first]


def test_a_second_thought_replaces_the_first(store: Store, choose: Choose):
    pair = store.pairs()[0]
    (first,) = store.record_many([choose(pair, Choice.LEFT)])
    (second,) = store.record_many([choose(pair, Choice.TIE)])
    assert second.supersedes == first.comparison_id
    assert store.comparisons() == [second]
    assert store.comparison_events() == [first, second]


def test_many_are_recorded_in_one_go_as_one_by_one(store: Store, choose: Choose):
    pairs = store.pairs()
    batch = [choose(pair, idempotency_key=pair.pair_id) for pair in pairs]
    batch += [choose(pairs[0], Choice.TIE, idempotency_key="again"), batch[1]]
    stored = store.record_many(batch)
    assert [c.idempotency_key for c in stored] == [c.idempotency_key for c in batch]
    assert stored[-2].supersedes == stored[0].comparison_id
    assert len(store.comparison_events()) == len(pairs) + 1
    assert len(store.comparisons()) == len(pairs)
    assert store.record_many([]) == []


def test_a_batch_with_one_wrong_comparison_records_nothing(store: Store, choose: Choose):
    pair, other = store.pairs()[:2]
    for wrong in (
        choose(pair, shown_left=other.image_a),
        choose(pair, rater_id="x"),
        dataclasses.replace(choose(pair), pair_id="x"),
    ):
        with pytest.raises(UnknownRecord):
            store.record_many([choose(other), wrong])
    assert store.comparison_events() == []


def test_undo_takes_back_the_latest_and_redo_leaves_the_store_equal(
    store: Store, choose: Choose, ann: Rater
):
    first, second = store.pairs()[:2]
    store.record_many([choose(first, Choice.LEFT)])
    (latest,) = store.record_many([choose(second, Choice.RIGHT)])
    before, counted = current(store), store.counts()
    taken_back = store.take_back(ann.rater_id, 1, "undo")
    assert taken_back is not None
    undone, _ = taken_back
    assert (undone.choice, undone.supersedes) == (Choice.UNDO, latest.comparison_id)
    assert current(store) == {(first.pair_id, "left")}
    waiting = [question.pair for question in store.take_questions(ann.rater_id, 1, 10)]
    assert second in waiting
    assert store.take_back(ann.rater_id, 1, "undo") == taken_back
    assert len(store.comparisons()) == 1
    store.record_many([choose(second, Choice.RIGHT)])
    assert current(store) == before
    assert store.counts() == counted
    assert len(store.comparison_events()) == 4


def test_undo_goes_back_step_by_step_and_then_stops(store: Store, choose: Choose, ann: Rater):
    for pair in store.pairs()[:3]:
        store.record_many([choose(pair)])
    left = []
    for step in range(4):
        store.take_back(ann.rater_id, 1, f"undo {step}")
        left.append(len(store.comparisons()))
    assert left == [2, 1, 0, 0]
    assert store.take_back(ann.rater_id, 1, "once more") is None


def test_one_raters_undo_leaves_the_others_alone(store: Store, choose: Choose, ann: Rater):
    bob = Rater.new("bob", RaterKind.PERSON)
    store.add_rater(bob)
    pair = store.pairs()[0]
    store.record_many([choose(pair), choose(pair, rater_id=bob.rater_id)])
    store.take_back(ann.rater_id, 1, "undo")
    assert [c.rater_id for c in store.comparisons()] == [bob.rater_id]


def test_counts_never_mix_people_with_simulated_raters(store: Store, choose: Choose):
    simulated = Rater.new("sim", RaterKind.SIMULATED)
    store.add_rater(simulated)
    first, second = store.pairs()[:2]
    store.record_many(
        [
            choose(first, Choice.TIE),
            choose(first, Choice.LEFT, rater_id=simulated.rater_id),
            choose(second, Choice.SKIP, rater_id=simulated.rater_id),
        ]
    )
    everyone, people = store.counts(), store.counts(RaterKind.PERSON)
    assert everyone.by_kind == {
        RaterKind.PERSON: 1,
        RaterKind.SIMULATED: 2,
        RaterKind.MODEL: 0,
    }
    assert everyone.total == 3
    assert everyone.by_round == {1: 3}
    assert people.by_choice == {**dict.fromkeys(people.by_choice, 0), Choice.TIE: 1}
    assert people.total == 1
    all_of, of_people, later = (
        store.round_progress(number, kind)
        for number, kind in ((1, None), (1, RaterKind.PERSON), (2, None))
    )
    assert (all_of.num_compared, all_of.num_skipped, all_of.num_pairs) == (1, 1, 6)
    assert (of_people.num_compared, of_people.num_skipped, of_people.num_pairs) == (1, 0, 6)
    assert (later.num_compared, later.num_pairs) == (0, 0)
    assert len(store.comparisons(kind=RaterKind.SIMULATED)) == 2
    assert store.comparisons(round=2) == []


def test_a_missing_store_is_not_made_by_reading_or_writing(tmp_path: Path):
    for verb in (
        lambda: Store.open(DuckDBFile(tmp_path / "none")),
        lambda: Store(DuckDBFile(tmp_path / "none")).prompts(),
        lambda: Store(DuckDBFile(tmp_path / "none")).add_prompts([]),
    ):
        with pytest.raises(WorkspaceError, match="tastemaker init"):
            verb()
    assert list(tmp_path.iterdir()) == []


def test_a_number_the_file_cannot_hold_is_refused(store: Store):
    pair = store.pairs()[0]
    too_large = dataclasses.replace(store.image(pair.image_a), image_id="x", seed=2**70)
    with pytest.raises(StoreError):
        store.add_images([too_large])
    assert len(store.images()) == 12


def test_a_text_may_hold_anything(store: Store):
    odd = Prompt.new("'; DROP TABLE prompts; -- \n\t\"\\ 🏳️‍🌈 \u202e")
    store.add_prompts([odd])
    assert store.prompt(odd.prompt_id) == odd


def test_a_pair_of_the_same_images_in_another_round_is_another_pair(store: Store):
    pair = store.pairs()[0]
    again = Pair.new(round=2, prompt_id=pair.prompt_id, image_a=pair.image_b, image_b=pair.image_a)
    store.add_pairs([again])
    assert store.pairs(2) == [again]


def test_much_is_written_and_looked_for_in_parts(store: Store, monkeypatch: pytest.MonkeyPatch):
    """A server would not wait for all to be made ready; nothing is read back that was just given"""
    taken: list[tuple[str, int]] = []
    writing = store.writing

    class Watched:
        def __init__(self, connection: Connection) -> None:
            self.connection = connection

        def execute(self, query: str, parameters: Sequence[object] = ()) -> Cursor:
            taken.append((query, max(len(p) if isinstance(p, list) else 0 for p in parameters)))
            return self.connection.execute(query, parameters)

    @contextlib.contextmanager
    def watched() -> Iterator[Connection]:
        with writing() as connection:
            yield Watched(connection)

    monkeypatch.setattr(rows, "_AT_ONCE", 3)
    monkeypatch.setattr(store, "writing", watched)
    first = store.images()[0]
    images = [dataclasses.replace(first, image_id=f"{n:016x}", seed=n) for n in range(7, 0, -1)]
    pairs = [
        Pair.new(round=9, prompt_id=first.prompt_id, image_a=a.image_id, image_b=b.image_id)
        for a, b in itertools.pairwise(images)
    ]
    for _ in range(2):
        store.add_batch(Batch(images=images, pairs=pairs))
        assert store.pairs(9) == pairs
    ids = sorted(image.image_id for image in images)
    assert store.images(image_ids=[*ids, *ids, first.image_id]) == [first, *images]
    assert {most for _, most in taken} == {1, 3}
    assert [query for query, _ in taken if "SELECT ordinal, image_id" in query] == []


def test_a_batch_is_added_whole_or_not_at_all(store: Store, choose: Choose):
    imported = Policy(name="imported:x", base=IMPORTED)
    sampler = Sampler(scheduler=IMPORTED, num_steps=0, guidance=0, eta=0, width=1, height=1)
    prompt = dataclasses.replace(store.prompts()[0], split="compared", prompt_set="elsewhere")
    images = [
        Image.new(
            sha256=s, policy=imported.name, prompt_id=prompt.prompt_id, seed=7 + i, sampler=sampler
        )
        for i, s in enumerate("ab")
    ]
    ids = [image.image_id for image in images]
    pair = Pair.new(round=0, prompt_id=prompt.prompt_id, image_a=ids[0], image_b=ids[1])
    comparison = choose(pair, idempotency_key="k")
    unknown = dataclasses.replace(comparison, pair_id="none", idempotency_key="l")
    batch = Batch(prompts=[prompt], policies=[imported], images=images, pairs=[pair])
    with pytest.raises(UnknownRecord):
        store.add_batch(dataclasses.replace(batch, comparisons=[comparison, unknown]))
    assert (store.pairs(0), store.imported_policies(), store.comparison_events()) == ([], [], [])
    assert store.newest_policy().name == "base"
    for _ in range(2):
        store.add_batch(dataclasses.replace(batch, comparisons=[comparison]))
        assert store.pairs(0) == [pair]
        assert store.comparison_events() == [comparison]
    assert [p.name for p in store.policies()] == ["base"]
    assert store.imported_policies() == [imported]
    assert store.newest_policy().name == "base"
    assert [p.split for p in store.prompts()] == ["train"]
