"""`make gpu` on the CPU at small size, and the size of what it builds on a GPU."""

import json
import subprocess
import sys
import weakref
from types import SimpleNamespace

import pytest
import torch

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import record as records
from benchmarks.gpu import running, speed
from benchmarks.gpu.architectures import build_parts
from benchmarks.gpu.identities import Identity
from benchmarks.gpu.record import Record
from benchmarks.gpu.speed import variants
from data.entry import run_command
from data.errors import ConfigError

needs_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without a GPU")
NAMES = [str(variant) for variant in variants(6, 3, compiled=False)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gpu.json"


@pytest.fixture
def run(path, monkeypatch):
    """Run the command at its smallest and return its exit status."""

    def go(*words):
        least = ["--num-pairs", "1", "--num-images", "1", "--results", str(path)]
        monkeypatch.setattr(sys, "argv", ["gpu", *least, *words])
        with pytest.raises(SystemExit) as stop:
            run_command(command.main)
        return stop.value.code

    return go


@pytest.fixture
def figures(path):
    """Read what is on file."""
    return lambda: SimpleNamespace(**json.loads(path.read_text()))


@pytest.fixture
def no_identities(monkeypatch):
    monkeypatch.setattr(running, "check_identities", lambda *_: iter(()))


@needs_cpu
@pytest.mark.slow
def test_it_passes_at_small_size_and_says_that_it_is_small(path):
    words = [sys.executable, "-m", "benchmarks.gpu"]
    done = subprocess.run(
        [*words, "--num-pairs", "1", "--num-images", "2", "--results", str(path)],
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
    assert (figures["failed"], figures["left_out"]) == ({}, [])
    assert figures["seconds"] > 0


@needs_cpu
def test_the_large_size_is_refused_without_a_gpu(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu", "--size", "sd15"])
    with pytest.raises(ConfigError, match="needs a CUDA GPU and there is none"):
        command.main()


@needs_cpu
def test_a_variant_that_fails_loses_none_and_is_named(
    run, figures, monkeypatch, capsys, no_identities
):
    on_file = []

    def measure(work, variant, device):
        on_file.append(len(figures().variants))
        if variant.checkpointing:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\n9 GiB.")
        return speed.measure(work, variant, device)

    monkeypatch.setattr(running, "measure", measure)
    line = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 9 GiB."
    assert run() == 1
    assert [each["num_steps"] for each in figures().variants] == [6, 3]
    assert figures().failed == {NAMES[1]: line}
    assert on_file == [0, 1, 1]
    assert capsys.readouterr().err.splitlines()[-1] == f"error: {NAMES[1]} failed ({line})"


@needs_cpu
def test_identities_that_fail_or_do_not_hold_are_named(run, figures, monkeypatch, capsys):
    def check(size, device, precision):
        yield Identity(name="one is one", precision=precision, error=1.0, allowed=0.0)
        if precision == "fp32":
            raise RuntimeError

    monkeypatch.setattr(running, "check_identities", check)
    assert run("--minutes", "0") == 1
    assert figures().failed == {"identities in fp32": "RuntimeError"}
    assert [identity["holds"] for identity in figures().identities] == [False, False]
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: identities in fp32 failed (RuntimeError); "
        "fp32: one is one does not hold; bf16: one is one does not hold"
    )


def test_a_failure_frees_what_it_held():
    """Else the memory of a variant that had too little is missing to the next one."""
    record, held = Record(path=None, about={}, started=0.0), []

    def fail():
        tensor = torch.zeros(1)
        held.append(weakref.ref(tensor))
        raise torch.OutOfMemoryError

    with record.attempt("figure"):
        fail()
    assert held[0]() is None


@needs_cpu
@pytest.mark.parametrize("content", ['{"size": "sd15", "variants": [1]}', "[]", "not JSON"])
def test_figures_of_another_size_are_not_overwritten(run, path, monkeypatch, capsys, content):
    path.write_text(content)
    monkeypatch.setattr(command, "_run", lambda *_: pytest.fail("it began to measure"))
    assert run() == 2
    assert path.read_text() == content
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {path} holds")


@needs_cpu
def test_no_variant_starts_after_the_time_is_over(run, figures, monkeypatch, capsys, no_identities):
    clock = SimpleNamespace(now=0.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(command, "time", clock)
    monkeypatch.setattr(records, "time", clock)

    def measure(*given):
        clock.now += 100
        return speed.measure(*given)

    monkeypatch.setattr(running, "measure", measure)
    assert run("--minutes", "1.5") == 0
    said = capsys.readouterr().out
    assert len(figures().variants) == 1
    assert figures().left_out == NAMES[1:]
    assert all(f"left out, 1.5 minutes are over: {name}" in said for name in NAMES[1:])
    assert "took 100 s; variants left: 2, minutes left to start one: 0.0 of 1.5" in said
    assert "variants measured: 1, left out: 2; figures failed: 0; 100 s in all" in said


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
