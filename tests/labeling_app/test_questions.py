"""Two questions a pair, gold and second showings, in a real Chromium over a real DuckDB file."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from rater_tab import Tab

from benchmarks.browser import CHROMIUM, chromium, free_port, running
from data.records import Aspect, Pair
from data.workspace import Workspace
from labeling_app.actions import ASKED
from labeling_app.launch import command

BOTH = (Aspect.ALIGNMENT, Aspect.QUALITY)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, and none is on the PATH"),
]


@pytest.fixture
def workspace(tmp_path: Path, add_round: Callable) -> Workspace:
    """Hold a round of two pairs, each asked about twice and shown twice, and one of gold."""
    workspace = Workspace.create(tmp_path / "workspace")
    store, templates = workspace.store(), add_round(workspace, 3)
    told = {"round": 2, "aspects": BOTH, "asked_again": True}
    pairs = [replace(pair, pair_id=f"again {n}", **told) for n, pair in enumerate(templates[:2])]
    gold = replace(templates[2], round=2, pair_id="gold", better=templates[2].image_a)
    store.add_pairs([*pairs, gold])
    return workspace


def figures(tab: Tab) -> str:
    return tab.page.locator(".figures span").nth(1).inner_text()


def test_every_question_is_asked_and_stored_and_none_can_be_told_by_the_count(workspace: Workspace):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    seen = []
    with (
        running(command(workspace.root, port=port), f"{url}/_stcore/health"),
        chromium() as context,
    ):
        tab = Tab(context, url, workspace, "Ada")
        while tab.page.locator(".ending").is_hidden():
            asked = tab.page.locator(".asked p").inner_text()
            seen.append((asked, tab.sha256("left"), tab.sha256("right"), figures(tab)))
            tab.press("ArrowLeft")
        assert figures(tab) == "5 of 5"
        assert "last one" in tab.page.locator(".ending h1").inner_text()
    store = workspace.store()
    answers = store.answers(tab.rater.rater_id)
    assert len(seen) == len(answers) == 2 * 2 * 2 + 1
    assert [ASKED[answer.aspect] for answer in answers] == [asked for asked, *_ in seen]
    lefts = [store.image(answer.shown_left).sha256 for answer in answers]
    assert lefts == [left for _, left, _, _ in seen]
    _check_order(answers, {pair.pair_id: pair for pair in store.served_pairs(2)})
    shown = {}
    for answer, (_, left, right, _) in zip(answers, seen, strict=True):
        shown.setdefault((answer.pair_id, answer.aspect), []).append((left, right))
    swapped = [sides for sides in shown.values() if len(sides) == 2]
    assert len(swapped) == 4
    assert all(second == first[::-1] for first, second in swapped)
    assert len(store.comparisons(2)) == 4


def _check_order(answers: list, pairs: dict[str, Pair]) -> None:
    """Check that the questions of a pair follow each other, and what is due comes last."""
    for first, second in pairwise(answers):
        if first.aspect is Aspect.ALIGNMENT:
            assert (second.pair_id, second.aspect) == (first.pair_id, Aspect.QUALITY)
    assert [answer.repeats is None for answer in answers] == [True] * 5 + [False] * 4
    assert {answer.pair_id for answer in answers} == set(pairs)
