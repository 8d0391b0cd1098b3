import pytest

from emoji_world.grammar import vocabulary
from emoji_world.pretrain.tokenizer import MAX_LENGTH, new_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return new_tokenizer()


def test_every_word_of_the_grammar_is_one_token(tokenizer):
    for word in vocabulary():
        assert len(tokenizer(word).input_ids) == 3, word


def test_the_end_has_the_largest_id(tokenizer):
    assert tokenizer.eos_token_id == len(tokenizer) - 1


@pytest.mark.parametrize(
    "prompt", ["", "🐺🐺🐺", "Ein grüner Hase", "兔子", "\u200d", "x" * 10_000]
)
def test_any_unicode_prompt_is_accepted(tokenizer, prompt):
    ids = tokenizer(prompt, padding="max_length", truncation=True).input_ids
    assert len(ids) == MAX_LENGTH
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.eos_token_id in ids
