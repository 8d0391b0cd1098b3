"""The studies page as Streamlit runs it, over a real DuckDB file."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from data.records import Aspect, Choice, Comparison, Rater, RaterKind
from data.workspace import Workspace
from labeling_app.sides import left_image

NUM_IMAGES = 40


def script(root: str) -> None:
    from pathlib import Path

    from data.workspace import Workspace
    from labeling_app import studies_page

    studies_page.show(Workspace(Path(root)), on_back=lambda: None)


@pytest.fixture
def page(empty_workspace: Workspace) -> Callable[[], AppTest]:
    def run() -> AppTest:
        app = AppTest.from_function(
            script, kwargs={"root": str(empty_workspace.root)}, default_timeout=60
        )
        app.run()
        assert not app.exception
        return app

    return run


def text_of(app: AppTest) -> str:
    shown = [*app.markdown, *app.text, *app.caption, *app.error, *app.code]
    return " ".join(str(element.value) for element in shown)


def click(app: AppTest, label: str) -> None:
    (button,) = [button for button in app.button if button.label.startswith(label)]
    button.click()
    app.run()
    assert not app.exception


def answer(workspace: Workspace, name: str, people: int, share: float) -> None:
    store, rng = workspace.store(), random.Random(0)
    for number in range(people):
        rater = Rater.new(f"person {number}", RaterKind.PERSON)
        store.add_rater(rater)
        made = []
        for pair in store.study_pairs(name):
            for aspect in pair.aspects:
                left = left_image(pair, rater.rater_id)
                likes_first = rng.random() < share
                choice = Choice.LEFT if (left == pair.image_a) == likes_first else Choice.RIGHT
                told = {"pair_id": pair.pair_id, "rater_id": rater.rater_id, "shown_left": left}
                made.append(Comparison.new(choice=choice, aspect=aspect, **told))
        store.record_many(made)


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(chart.proto.spec) for chart in app.get("vega_lite_chart")]


def test_without_two_policies_there_is_nothing_to_compare(page):
    assert "A study needs two policies" in text_of(page())


def test_what_is_missing_is_said_with_the_command_that_draws_it(
    page, empty_workspace: Workspace, draw_twins
):
    draw_twins(empty_workspace, 3)
    app = page()
    assert "3 of 40 images" in text_of(app)
    (command,) = app.code
    assert command.value.startswith("tastemaker study secret-rl secret-sft --preset paper")
    assert str(empty_workspace.root) in command.value
    app.selectbox(key="study-b").set_value("secret-rl")
    app.run()
    assert "Choose two policies" in text_of(app)


def test_the_papers_study_is_one_click(page, empty_workspace: Workspace, draw_twins):
    draw_twins(empty_workspace, NUM_IMAGES)
    app = page()
    click(app, f"Queue {NUM_IMAGES} pairs")
    (study,) = empty_workspace.store().studies()
    assert (study.name, study.num_raters) == ("secret-rl-vs-secret-sft-paper", 8)
    assert study.aspects == (Aspect.ALIGNMENT, Aspect.QUALITY)
    assert len(empty_workspace.store().study_pairs(study.name)) == NUM_IMAGES
    click(app, f"Queue {NUM_IMAGES} pairs")
    assert len(empty_workspace.store().studies()) == 1


def test_one_of_ones_own_takes_what_is_there(page, empty_workspace: Workspace, draw_twins):
    draw_twins(empty_workspace, 5)
    app = page()
    app.radio(key="study-how").set_value("Another")
    app.run()
    app.number_input[0].set_value(4)
    app.run()
    click(app, "Queue 4 pairs")
    (study,) = empty_workspace.store().studies()
    assert (study.name, study.num_raters) == ("secret-rl-vs-secret-sft", 3)
    app.number_input[1].set_value(2)
    app.run()
    click(app, "Queue 4 pairs")
    assert "secret-rl-vs-secret-sft" in app.error[0].value
    app.text_input(key="study-name").set_value(" by  two ")
    app.run()
    click(app, "Queue 4 pairs")
    assert [study.name for study in empty_workspace.store().studies()][1:] == ["by two"]
    app.number_input[0].set_value(6)
    app.run()
    assert app.code[0].value.endswith(f"--name 'by two' --workspace {empty_workspace.root}")


def test_results_are_shown_and_a_study_is_closed_and_opened(
    page, empty_workspace: Workspace, queue_study
):
    queue_study(empty_workspace, 12)
    name = "secret-rl-vs-secret-sft"
    assert "0 of 12 answers" in str(page().get("progress")[0].proto)
    answer(empty_workspace, name, people=4, share=0.9)
    app = page()
    assert "secret-rl preferred to secret-sft by people" in text_of(app)
    assert "better overall: one prompt: the interval speaks of other raters" in text_of(app)
    (frame,) = app.dataframe
    assert frame.value["prompt"].tolist() == ["all", "a green rabbit"]
    assert frame.value["win rate"][0].endswith(" %")
    (spec,) = charts(app)
    assert spec["layer"][0]["encoding"]["x"]["datum"] == 50
    click(app, "Close")
    assert empty_workspace.store().study(name).status == "closed"
    click(app, "Reopen")
    assert empty_workspace.store().study(name).status == "open"


def test_a_store_that_cannot_be_read_is_one_line(page, empty_workspace: Workspace):
    empty_workspace.store_path.write_bytes(b"not a database" * 1000)
    assert "is not a readable store" in text_of(page())
