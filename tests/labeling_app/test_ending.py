from dataclasses import replace
from pathlib import Path

from labeling_app.ending import ending
from labeling_app.progress import Progress


def progress(num_pairs: int) -> Progress:
    return Progress(
        round=2, num_answered=num_pairs, num_seats=num_pairs, num_today=0, seconds_per_pair=None
    )


def test_it_says_what_comes_next():
    end = ending(progress(40), "Ada", Path("workspace"))
    assert "Ada" in end.title
    assert "40 answers of round 2" in end.text
    assert end.command == "tastemaker round"


def test_what_was_skipped_is_no_answer():
    end = ending(replace(progress(40), num_skipped=1), "Ada", Path("workspace"))
    assert end.text.startswith("You skipped 1 pair of round 2; all other answers are there.")
    assert end.command == "tastemaker round"


def test_who_waits_for_others_is_told_so():
    end = ending(replace(progress(40), num_answered=38), "Ada", Path("workspace"))
    assert end.title.startswith("Nothing is left for you just now")
    assert end.command == ""


def test_the_command_names_another_workspace():
    end = ending(progress(0), "Ada", Path("my pairs"))
    assert end.title == "No pairs yet"
    assert end.command == "tastemaker round --workspace 'my pairs'"


def test_a_study_ends_without_a_next_round():
    of_study = replace(progress(40), is_of_studies=True)
    end = ending(of_study, "Ada", Path("workspace"))
    assert end.text == "All 40 answers of the study are there."
    assert end.command == ""
    waiting = ending(replace(of_study, num_answered=38), "Ada", Path("workspace"))
    assert waiting.text.startswith("The last pairs of the study are with other raters")
