"""A CLIPTokenizer in which every word of the grammar is one token and every other text is bytes."""

import itertools
from pathlib import Path
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from emoji_world.grammar import vocabulary

MAX_LENGTH = 20
START, END = "<|startoftext|>", "<|endoftext|>"


def new_tokenizer() -> CLIPTokenizer:
    """Build the tokenizer: 512 byte tokens, the merges that the words need, start and end.

    The end token has the largest id: CLIP pools the text at the arg-max of the ids.
    """
    letters = sorted(ByteLevel.alphabet())
    merges = _merges(vocabulary())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(a + b for a, b in merges)]
    vocab = {token: i for i, token in enumerate([*dict.fromkeys(tokens), START, END])}
    parts: dict[str, Any] = {"vocab": vocab, "merges": merges, "unk_token": END, "pad_token": END}
    return CLIPTokenizer(**parts, model_max_length=MAX_LENGTH)


def _merges(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Add merges until every word is a single token.

    A merge is always appended: it ranks below all before it, so no word that is whole already
    can be torn by it.
    """
    merges: list[tuple[str, str]] = []
    for word in words:
        while len(parts := _apply(word, merges)) > 1:
            merges.append((parts[0], parts[1]))
    return merges


def _apply(word: str, merges: list[tuple[str, str]]) -> list[str]:
    parts = [*word[:-1], word[-1] + "</w>"]
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    while True:
        pairs = [
            (ranks[pair], i) for i, pair in enumerate(itertools.pairwise(parts)) if pair in ranks
        ]
        if not pairs:
            return parts
        _, i = min(pairs)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def save_tokenizer(folder: Path) -> None:
    """Write the tokenizer in the format that transformers opens."""
    new_tokenizer().save_pretrained(folder)
