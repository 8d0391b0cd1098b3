"""Checkpoints of the published layouts at small size, filled with random weights."""

import io
from pathlib import Path

import pytest
import torch
from published_layouts import head_weights
from sentencepiece import SentencePieceTrainer
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTokenizer,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipTokenizer,
)

TEXTS = ["a green rabbit", "four wolves", "a cat and a dog", "a dog on the moon"]


def write_transformers(folder: Path, *parts: object) -> Path:
    """Write a model of transformers with its tokenizer and its preprocessing."""
    for part in parts:
        part.save_pretrained(folder)  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
    return folder


@pytest.fixture(scope="session")
def pick_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer: CLIPTokenizer) -> Path:
    """PickScore's layout: a CLIPModel, with a scale of its own."""
    torch.manual_seed(0)
    config = CLIPConfig(
        projection_dim=24,
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "max_position_embeddings": 8,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": 16,
            "patch_size": 4,
        },
        logit_scale_init_value=1.3,
    )
    processor = CLIPImageProcessor(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}
    )
    return write_transformers(
        tmp_path_factory.mktemp("pick"), CLIPModel(config), processor, tokenizer
    )


@pytest.fixture(scope="session")
def siglip_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> SiglipTokenizer:
    """SigLIP's own kind, of a few pieces: the end of a text is what fills it up, too."""
    pieces = io.BytesIO()
    SentencePieceTrainer.train(  # pyright: ignore[reportAttributeAccessIssue]
        sentence_iterator=iter(TEXTS),
        model_writer=pieces,
        vocab_size=40,
        hard_vocab_limit=False,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("pieces") / "spiece.model"
    path.write_bytes(pieces.getvalue())
    return SiglipTokenizer(str(path))


@pytest.fixture(scope="session")
def siglip_folder(
    tmp_path_factory: pytest.TempPathFactory, siglip_tokenizer: SiglipTokenizer
) -> Path:
    torch.manual_seed(0)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    config = SiglipConfig(
        text_config=sizes | {"vocab_size": len(siglip_tokenizer), "max_position_embeddings": 8},
        vision_config=sizes | {"image_size": 16, "patch_size": 4},
    )
    processor = SiglipImageProcessor(size={"height": 16, "width": 16})
    return write_transformers(
        tmp_path_factory.mktemp("siglip"), SiglipModel(config), processor, siglip_tokenizer
    )


@pytest.fixture(scope="session")
def aesthetic_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A head on features of width 32, which the small CLIP's are."""
    path = tmp_path_factory.mktemp("aesthetic") / "aesthetic-model.pth"
    torch.save(head_weights(torch.Generator().manual_seed(0), 32), path)
    return path
