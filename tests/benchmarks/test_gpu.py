"""`make gpu` on the CPU at small size, and the size of what it builds on a GPU."""

import json
import subprocess
import sys

import pytest
import torch

from benchmarks.gpu.__main__ import main
from benchmarks.gpu.architectures import build_parts
from benchmarks.gpu.identities import Identity
from benchmarks.gpu.speed import variants
from data.errors import ConfigError

needs_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")


@needs_cpu
@pytest.mark.slow
def test_it_passes_at_small_size_and_says_that_it_is_small(tmp_path):
    path = tmp_path / "gpu.json"
    command = [sys.executable, "-m", "benchmarks.gpu"]
    done = subprocess.run(
        [*command, "--num-pairs", "1", "--num-images", "2", "--results", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "there is no GPU: a small model stands in" in done.stdout
    figures = json.loads(path.read_text())
    assert figures["size"] == "small"
    assert figures["device"].startswith("CPU")
    assert all(identity["holds"] for identity in figures["identities"])
    assert {identity["precision"] for identity in figures["identities"]} == {"fp32", "bf16"}
    assert len(figures["variants"]) == 3
    assert all(variant["ratio"]["median"] > 0 for variant in figures["variants"])
    assert figures["left_out"] == []


@needs_cpu
def test_the_large_size_is_refused_without_a_gpu(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu", "--size", "sd15"])
    with pytest.raises(ConfigError, match="needs a CUDA GPU and there is none"):
        main()


@needs_cpu
def test_what_would_take_too_long_is_left_out_by_name(tmp_path, monkeypatch, capsys):
    path = tmp_path / "gpu.json"
    words = ["gpu", "--minutes", "0", "--num-images", "1", "--results", str(path)]
    monkeypatch.setattr(sys, "argv", words)
    main()
    figures = json.loads(path.read_text())
    assert figures["variants"] == []
    assert figures["left_out"][0] in capsys.readouterr().out


def test_the_large_architecture_is_stable_diffusion_15s():
    """By the number of weights, which the model's publishers give: nothing is allocated here."""
    parts = build_parts("sd15", torch.device("meta"))
    sizes = [sum(p.numel() for p in m.parameters()) for m in (parts.unet, parts.vae)]
    assert sizes == [859_520_964, 83_653_863]
    assert parts.unet.config["cross_attention_dim"] == 768


def test_a_variant_has_every_choice_somewhere():
    with_compile = variants(50, 20, compiled=True)
    assert {v.num_steps for v in with_compile} == {50, 20}
    assert {v.checkpointing for v in with_compile} == {v.compiled for v in with_compile}
    assert variants(50, 20, compiled=False) == [v for v in with_compile if not v.compiled]


@pytest.mark.parametrize(("error", "holds"), [(0.0, True), (0.1, False), (float("nan"), False)])
def test_an_identity_holds_within_what_is_allowed(error, holds):
    identity = Identity(name="n", precision="fp32", error=error, allowed=0.0)
    assert identity.holds == holds
