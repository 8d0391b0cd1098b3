from collections.abc import Callable
from pathlib import Path

import pytest

from data.errors import PromptError
from data.prompts import load_prompt_set, prompt_set_names


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "mine.yaml") -> Path:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", prompt_set_names())
def test_every_shipped_set_loads_under_its_own_name(name: str):
    prompts = load_prompt_set(name)
    assert {prompt.prompt_set for prompt in prompts} == {name}
    assert len({prompt.prompt_id for prompt in prompts}) == len(prompts)


def test_the_papers_set_has_one_prompt_for_each_capability():
    families = [prompt.family for prompt in load_prompt_set("paper")]
    assert families == ["color", "count", "composition", "location"]


@pytest.mark.parametrize("name", ["drawbench-style", "coco-style"])
def test_sets_for_real_models_hold_some_prompts_out(name: str):
    splits = [prompt.split for prompt in load_prompt_set(name)]
    assert 35 <= len(splits) <= 45
    assert 5 <= splits.count("unseen") <= 15


def test_a_file_of_ones_own(written: Callable[..., Path]):
    path = written(
        "name: mine\nprompts:\n- a cat\n- {text: ' 🐺🐺 ', family: count, split: unseen}"
    )
    cat, wolves = load_prompt_set(path)
    assert (cat.text, cat.family, cat.split, cat.prompt_set) == ("a cat", "", "train", "mine")
    assert (wolves.text, wolves.family, wolves.split) == ("🐺🐺", "count", "unseen")


def test_a_text_file_holds_a_prompt_a_line(written: Callable[..., Path]):
    prompts = load_prompt_set(str(written("\ufeffa cat\r\n\r\n🐰\n", "lines.txt")))
    assert [prompt.text for prompt in prompts] == ["a cat", "🐰"]
    assert prompts[0].prompt_set == "lines"


@pytest.mark.parametrize("letter", ["\u2028", "\u0085", "\x0b"])
def test_a_line_ends_where_editors_end_it(letter: str, written: Callable[..., Path]):
    prompts = load_prompt_set(str(written(f"a cat{letter}and a dog\n", "lines.txt")))
    assert [prompt.text for prompt in prompts] == [f"a cat{letter}and a dog"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompts: [a, '']", "prompt 2: the text is empty"),
        ("prompts: [a, {text: '  '}]", "prompt 2: the text is empty"),
        ("prompts: [a, {family: count}]", "prompt 2: the text is empty"),
        ("prompts: ['" + 10_000 * "x" + "']", "prompt 1: the text has 10000 characters; at most"),
        ("prompts: [a, b, a]", "prompt 3: the same text as prompt 1"),
        ("prompts: [{text: a, famly: count}]", "unknown key 'famly'; did you mean 'family'?"),
        ("prompts: [{text: a, split: test}]", "train, compared or unseen, got 'test'"),
        ("prompts: [{text: a, family: 3}]", "expected the name of a family, got 3"),
        ("prompts: [3]", "prompt 1: expected a text"),
        ("promts: [a]", "expected `name`, `about` and a list `prompts`"),
        ("prompts: [a]\nnmae: x", "unknown key 'nmae'; did you mean 'name'?"),
        ("prompts: []", "holds no prompts"),
        ("prompts: [", "not valid YAML"),
        ("prompts: [a, 2026-02-30]", "in line 1: '2026-02-30' looks like a date or a number"),
        ("prompts: " + 3000 * "[" + 3000 * "]", "nested too deeply"),
        ("prompts: [a]\nprompts: [b]", "in line 2: the key 'prompts' is given twice"),
        (
            'prompts: [a, "a dog \\ud83d\\udc36"]',
            "prompt 2: 'a dog \\ud83d\\udc36' has NUL or parts",
        ),
        ('prompts: [{text: a, family: "\\0"}]', "prompt 1: '\\x00' has NUL or parts"),
        ('{"name": "\\udc36", "prompts": ["a"]}', "prompt 1: '\\udc36' has NUL or parts"),
        ("just words", "expected `name`, `about` and a list `prompts`"),
    ],
)
def test_a_wrong_set_is_one_line_with_file_and_row(
    text: str, said: str, written: Callable[..., Path]
):
    path = written(text)
    with pytest.raises(PromptError) as refused:
        load_prompt_set(path)
    assert str(refused.value).startswith(str(path))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(PromptError, match=r"no prompt set 'papr'; known are .*paper"):
        load_prompt_set("papr")
    with pytest.raises(PromptError, match="no prompt set at"):
        load_prompt_set(tmp_path / "none.txt")
