"""The pages as Streamlit runs them, over a real DuckDB file. Keys and clicks: test_browser.py."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetStates
from streamlit.testing.v1 import AppTest

from data.records import Choice, Rater
from data.workspace import Workspace
from labeling_app.launch import APP
from labeling_app.presses import Debounce
from labeling_app.sides import left_image

SCRIPT = APP.with_name("main.py")


class Page:
    """The app in a tab of its own."""

    def __init__(self, *, rater: str | None = None) -> None:
        self.app = AppTest.from_file(str(SCRIPT), default_timeout=60)
        if rater:
            self.app.query_params["rater"] = rater
        self.run()

    def run(self) -> None:
        self.app.run()
        assert not self.app.exception

    @property
    def data(self) -> dict[str, Any]:
        """What the stage was told to show."""
        return json.loads(self._stage.mixed.json or self._stage.json)

    @property
    def _stage(self) -> Any:
        (stage,) = self.app.get("bidi_component")
        return stage.proto

    def send(self, event: str, value: object) -> None:
        """Send what the stage sends from the browser; AppTest has no verb for components."""
        states = WidgetStates()
        state = states.widgets.add()
        state.id = f"$$STREAMLIT_INTERNAL_KEY_{self._stage.id}__events"
        state.json_trigger_value = json.dumps([{"event": event, "value": value}])
        self.app._run(states)
        assert not self.app.exception

    def press(self, choice: str, *, token: str | None = None) -> None:
        token = token or self.data["token"]
        self.send("press", {"choice": choice, "token": token, "milliseconds": 321})

    def enter(self, name: str) -> None:
        self.app.text_input[0].set_value(name)
        self.app.button[0].click()
        self.run()

    @property
    def text(self) -> str:
        shown = [*self.app.markdown, *self.app.text, *self.app.error, *self.app.get("html")]
        return " ".join(str(getattr(e, "value", "") or e.proto.body) for e in shown)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every press count, so that no test has to wait between two."""
    monkeypatch.setattr("labeling_app.desk.Debounce", partial(Debounce, 0.0))


@pytest.fixture
def served(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    serve(workspace.root, monkeypatch)
    return workspace


def serve(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app.py", "--workspace", str(root)])


def test_a_new_rater_gives_a_name_and_sees_a_pair(served: Workspace):
    page = Page()
    assert "people have compared 0 of 5 pairs" in page.text
    page.enter("  Grace   Hopper ")
    assert page.data["rater"] == "Grace Hopper"
    assert page.data["pair"]
    assert page.app.query_params["rater"] == "Grace Hopper"
    assert [rater.name for rater in served.store().raters()] == ["Grace Hopper"]


def test_a_known_rater_goes_on_with_a_click(served: Workspace, ada: Rater):
    page = Page()
    page.app.button(key=f"as-{ada.rater_id}").click()
    page.run()
    assert page.data["rater"] == "Ada"


def test_no_name_is_said_and_asked_for_again(served: Workspace):
    page = Page()
    page.enter("   ")
    assert "type a name" in page.text
    assert served.store().raters() == []


def test_an_unknown_name_in_the_address_is_only_offered(served: Workspace):
    page = Page(rater="Mallory")
    assert page.app.text_input[0].value == "Mallory"
    assert served.store().raters() == []


def test_a_press_is_stored_with_the_side_shown(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    shown = page.data
    page.press("right")
    (comparison,) = served.store().comparisons()
    assert comparison.choice is Choice.RIGHT
    assert comparison.milliseconds == 321
    assert comparison.rater_id == ada.rater_id
    store = served.store()
    (pair,) = [each for each in store.pairs() if each.pair_id == comparison.pair_id]
    assert comparison.shown_left == left_image(pair, ada.rater_id)
    assert f"img/{store.image(comparison.shown_left).sha256}" == shown["pair"]["left"]
    assert page.data["pair"] == shown["ahead"][0]
    assert page.data["answer"] == shown["answer"] + 1
    assert page.data["progress"][:2] == ["1 of 5", "1 today"]


def test_a_rerun_and_a_second_tab_double_nothing(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    old = page.data["token"]
    page.press("left")
    page.run()
    other_tab = Page(rater="Ada")
    assert other_tab.data["token"] == page.data["token"]
    other_tab.press("left", token=old)
    assert len(served.store().comparison_events()) == 1


def test_a_burst_is_one_press_and_the_rater_is_told(
    served: Workspace, ada: Rater, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("labeling_app.desk.Debounce", partial(Debounce, 3600.0))
    page = Page(rater="Ada")
    page.press("left")
    page.press("left")
    assert "too quick" in page.data["notice"]
    assert len(served.store().comparison_events()) == 1


def test_undo_shows_the_pair_again(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    first = page.data["pair"]
    page.press("undo")
    assert "nothing to undo" in page.data["notice"]
    page.press("tie")
    page.press("undo")
    assert page.data["pair"] == first
    assert served.store().comparisons() == []


def test_the_end_says_what_comes_next(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    for _ in range(5):
        page.press("left")
    assert page.data["pair"] is None
    assert page.data["fraction"] == 1
    assert page.data["ending"]["command"].startswith("tastemaker round --workspace ")
    page.send("again", True)
    assert page.data["pair"] is None


def test_leaving_asks_for_a_name_again(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    page.send("leave", True)
    assert page.app.text_input[0].label == "Your name"
    assert "rater" not in page.app.query_params


def test_nothing_tells_which_policy_made_an_image(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    everything = json.dumps(page.data)
    assert "secret" not in everything
    for image in served.store().images():
        assert image.image_id not in everything


def test_nonsense_from_a_browser_changes_nothing(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    before = page.data["token"]
    for value in (None, 3, {"choice": "best"}, {"choice": "left", "token": "x"}):
        page.send("press", value)
    assert page.data["token"] == before
    assert served.store().comparison_events() == []


def test_an_empty_workspace_says_how_to_get_pairs(
    empty_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    serve(empty_workspace.root, monkeypatch)
    page = Page()
    page.enter("Ada")
    assert page.data["ending"]["title"] == "No pairs yet"


def test_a_missing_workspace_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    serve(tmp_path / "none", monkeypatch)
    page = Page()
    assert "no workspace at" in page.text
    assert "tastemaker init" in page.text


def test_a_corrupt_store_is_one_clear_line(served: Workspace):
    served.store_path.write_bytes(b"not a database" * 1000)
    assert "is not a readable store" in Page().text


def test_a_workspace_that_vanishes_is_one_clear_line(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    served.store_path.rename(served.root / "moved")
    page.press("left")
    assert "tastemaker init" in page.text


def test_wrong_arguments_are_one_clear_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["app.py", "--wrokspace", "x"])
    assert "--wrokspace x" in Page().text


def test_the_app_never_imports_torch(served: Workspace, ada: Rater):
    script = f"""
import pkgutil, sys
sys.argv = ["app.py", "--workspace", {str(served.root)!r}]
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({str(SCRIPT)!r}, default_timeout=60)
app.query_params["rater"] = "Ada"
app.run()
assert not app.exception
assert app.get("bidi_component")
import labeling_app.app, labeling_app.launch
heavy = {{"torch", "diffusers", "transformers", "open_clip"}} & set(sys.modules)
sys.exit(f"imported {{heavy}}" if heavy else 0)
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_progress_page_and_back(served: Workspace, ada: Rater):
    page = Page(rater="Ada")
    page.press("left")
    page.send("progress", True)
    assert "Round 1" in [header.value for header in page.app.subheader]
    assert "1 of 5 answers are there" in str(page.app.get("progress")[0].proto)
    (raters,) = page.app.dataframe
    assert raters.value["rater"].tolist() == ["Ada"]
    page.app.button[0].click()
    page.run()
    assert page.data["rater"] == "Ada"


def test_where_only_studies_are_the_progress_page_leads_to_them(
    empty_workspace: Workspace, queue_study
):
    queue_study(empty_workspace, 2)

    def script(root: str) -> None:
        from pathlib import Path

        from data.workspace import Workspace
        from labeling_app import progress_page

        nothing = {"on_back": lambda: None, "on_studies": lambda: None}
        progress_page.show(Workspace(Path(root)).store(), is_admin=True, **nothing)

    app = AppTest.from_function(script, kwargs={"root": str(empty_workspace.root)})
    app.run(timeout=60)
    assert not app.exception
    assert [header.value for header in app.subheader] == ["No round yet"]
    assert [button.label for button in app.button] == ["Back to the pairs", "Studies"]
    assert not app.get("progress")


def test_admins_reach_the_studies_and_others_do_not(
    served: Workspace, ada: Rater, monkeypatch: pytest.MonkeyPatch
):
    page = Page(rater="Ada")
    page.send("progress", True)
    (studies,) = [button for button in page.app.button if button.label == "Studies"]
    studies.click()
    page.run()
    assert [header.value for header in page.app.subheader] == ["Studies"]
    (back,) = [button for button in page.app.button if button.label == "Back to the pairs"]
    back.click()
    page.run()
    assert page.data["rater"] == "Ada"
    monkeypatch.setattr("labeling_app.access.is_admin", lambda _: False)
    page.send("progress", True)
    assert [button.label for button in page.app.button] == ["Back to the pairs"]
    assert "About 0% of the answers" in str(page.app.get("progress")[0].proto)


def test_raters_are_told_of_a_study_and_never_which(served: Workspace, ada: Rater, queue_study):
    queue_study(served, 2)
    page = Page(rater="Ada")
    assert page.data["title"] == "Study"
    everything = json.dumps(page.data)
    assert "secret" not in everything
    assert "-vs-" not in everything
