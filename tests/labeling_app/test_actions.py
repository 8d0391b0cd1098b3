from collections import Counter

from data.records import Choice
from labeling_app.actions import ACTIONS, TOOLS


def test_every_choice_has_one_action():
    assert Counter(action.choice for action in ACTIONS) == Counter(Choice)


def test_no_key_means_two_things():
    keys = [key for named in (*ACTIONS, *TOOLS) for key in named.keys]
    assert len(set(keys)) == len(keys)
    assert not {"c", "r", "?", "enter", " ", "tab", "escape"} & set(keys)


def test_the_shown_key_is_one_of_the_keys():
    named = {"←": "arrowleft", "→": "arrowright", "↑": "arrowup", "↓": "arrowdown"}
    for action in ACTIONS:
        assert named.get(action.sign, action.sign.lower()) in action.keys
