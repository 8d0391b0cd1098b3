import pytest

from data.records import Choice
from labeling_app.presses import MIN_GAP_S, Debounce, Press


def admitted(times: list[float]) -> int:
    debounce = Debounce()
    return sum(debounce.admits(time) for time in times)


@pytest.mark.parametrize("held_s", [0.5, 2.0, 60.0])
@pytest.mark.parametrize("repeats_per_s", [10, 30])
def test_a_held_key_counts_once(held_s: float, repeats_per_s: int):
    assert admitted([i / repeats_per_s for i in range(int(held_s * repeats_per_s))]) == 1


def test_honest_presses_all_count():
    assert admitted([0.6 * i for i in range(5)]) == 5


def test_a_double_click_counts_once():
    assert admitted([0.0, 0.15]) == 1


def test_a_repeat_that_queued_behind_a_slow_write_does_not_count():
    debounce = Debounce()
    assert debounce.admits(0.0)
    debounce.touch(5.0)
    assert not debounce.admits(5.0 + MIN_GAP_S / 2)


def test_a_press_is_read():
    press = Press.parse({"choice": "both_bad", "token": "t-1", "milliseconds": 812})
    assert press == Press(choice=Choice.BOTH_BAD, token="t-1", milliseconds=812)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "left",
        [],
        {},
        {"choice": "best", "token": "t", "milliseconds": 1},
        {"choice": ["left"], "token": "t", "milliseconds": 1},
        {"choice": "left", "token": 7, "milliseconds": 1},
        {"choice": "left", "token": "t", "milliseconds": "1"},
        {"choice": "left", "token": "t", "milliseconds": True},
        {"choice": "left", "token": "t", "milliseconds": 1.5},
        {"choice": "left", "token": "t"},
    ],
)
def test_what_is_not_a_press_is_ignored(payload: object):
    assert Press.parse(payload) is None


@pytest.mark.parametrize(("sent", "kept"), [(-5, 0), (10**18, 86_400_000)])
def test_impossible_times_are_bounded(sent: int, kept: int):
    press = Press.parse({"choice": "left", "token": "t", "milliseconds": sent})
    assert press is not None
    assert press.milliseconds == kept
