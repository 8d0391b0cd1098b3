import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

import pytest

from data.config_file import dump_yaml, load_yaml, parse
from data.errors import ConfigError


class Precision(StrEnum):
    FP32 = "fp32"
    BF16 = "bf16"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    num_steps: int = 20
    """Denoising steps per image."""
    eta: float = 1.0

    def __post_init__(self) -> None:
        if self.num_steps < 1:
            raise ValueError(f"num_steps must be at least 1, got {self.num_steps}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tune:
    policy: str
    """The policy to start from."""
    mode: Literal["dpok", "ddpo"] = "dpok"
    precision: Precision = Precision.FP32
    out: Path | None = None
    seed: int | None = 7
    layers: tuple[int, ...] = (1, 2)
    betas: tuple[float, float] = (0.9, 0.999)
    names: tuple[str, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
    resume: bool = False
    learning_rate: float = 3e-4
    sampling: Sampling = field(default_factory=Sampling)
    warmup: Sampling | None = None

    def __post_init__(self) -> None:
        if self.seed == 13:
            raise ValueError("seed: expected another than 13")


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "tune.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def read(*argv: object, default: Tune | None = None) -> Tune:
    words = [str(word) for word in argv]
    return parse(Tune, words, prog="tune", description="Tune a policy.", default=default)


def refusal(*argv: object) -> str:
    with pytest.raises(ConfigError) as refused:
        read(*argv)
    assert "\n" not in str(refused.value)
    return str(refused.value)


EVERYTHING = Tune(
    policy="é 🐰",
    mode="ddpo",
    precision=Precision.BF16,
    out=Path("a/b"),
    seed=None,
    layers=(),
    betas=(0.5, 1e-20),
    names=("no", "1", "3e-4"),
    weights={"a": 0.5},
    resume=True,
    learning_rate=1e-5,
    sampling=Sampling(num_steps=3),
    warmup=Sampling(eta=0.0),
)


@pytest.mark.parametrize("config", [Tune(policy="x"), EVERYTHING])
def test_write_then_read_is_identity(config: Tune, tmp_path: Path):
    dump_yaml(config, tmp_path / "config.yaml")
    assert load_yaml(Tune, tmp_path / "config.yaml") == config
    assert read(tmp_path / "config.yaml") == config
    dump_yaml(load_yaml(Tune, tmp_path / "config.yaml"), tmp_path / "again.yaml")
    first, second = (tmp_path / "config.yaml").read_text(), (tmp_path / "again.yaml").read_text()
    assert first == second


def test_options_lie_over_the_file_and_the_file_over_the_defaults(written: Callable[[str], Path]):
    path = written("policy: base\nlearning_rate: 3e-5\nsampling: {num_steps: 5, eta: 0}\n")
    config = read(path, "--sampling.num-steps", 10, "--precision", "bf16", "--resume")
    assert config.policy == "base"
    assert config.learning_rate == 3e-5
    assert config.sampling == Sampling(num_steps=10, eta=0.0)
    assert config.precision is Precision.BF16
    assert config.resume
    assert config.mode == "dpok"


def test_a_file_lies_over_a_given_default(written: Callable[[str], Path]):
    default = Tune(policy="base", sampling=Sampling(num_steps=4, eta=0.5))
    config = read(written("sampling: {num_steps: 5}"), default=default)
    assert config.sampling == Sampling(num_steps=5, eta=0.5)
    assert read("--seed", 1, default=default).sampling == default.sampling


def test_a_required_field_may_come_from_either_place(written: Callable[[str], Path]):
    path = written("sampling: {num_steps: 5}")
    assert read(path, "--policy", "base").sampling.num_steps == 5
    assert refusal(path) == "option --policy is required (see tune --help)"
    assert "did you mean 'policy'?" in refusal(written("polcy: base"))
    with pytest.raises(ConfigError, match="policy: this key is required"):
        load_yaml(Tune, path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sampling: {num_stepz: 3}", "at sampling: unknown key 'num_stepz'; did you mean"),
        ("zzz: 3", "unknown key 'zzz'; known are policy, mode"),
        ("sampling: {num_steps: 10.7}", "at sampling.num_steps: expected a whole number, got 10.7"),
        ("sampling: {num_steps: true}", "expected a whole number, got True"),
        ("sampling: {num_steps: 0}", "at sampling: num_steps must be at least 1, got 0"),
        ("sampling: 3", "at sampling: expected a section of `key: value` lines"),
        ("mode: q", "at mode: expected one of dpok, ddpo, got 'q'"),
        ("precision: no", "at precision: expected one of fp32, bf16, got False"),
        ("resume: 1", "at resume: expected true or false, got 1"),
        ("learning_rate: fast", "at learning_rate: expected a number, got 'fast'"),
        ("learning_rate: true", "at learning_rate: expected a number, got True"),
        ("policy: 3", "at policy: expected a text (write it in quotes), got 3"),
        ("names: abc", "at names: expected a list such as [1, 2], got 'abc'"),
        ("betas: [1]", "at betas: expected 2 values, got [1]"),
        ("out: 3", "at out: expected a text"),
        ("- a", "expected `key: value` lines, got list"),
        ("a: [", "not valid YAML, in line 1"),
        ("sampling:\n  on: 3", "at sampling: unknown key True; known are num_steps, eta"),
        ("sampling: {1: 3, a: 2}", "at sampling: unknown key 1; known are num_steps, eta"),
        ("? [a]\n: 3", "not valid YAML, in line 1: found unhashable key"),
        ("seed: 1\npolicy: 2026-02-30", "in line 2: '2026-02-30' looks like a date or a number"),
        ("seed: " + 5000 * "9", "looks like a date or a number and is none"),
        ("seed: !!int ''", "looks like a date or a number and is none"),
        ("policy: " + 3000 * "[" + 3000 * "]", "nested too deeply"),
        ("seed: 1\nmode: dpok\nseed: 2", "in line 3: the key 'seed' is given twice; remove one"),
        ("sampling: {eta: 1}\nsampling: {num_steps: 2}", "the key 'sampling' is given twice"),
        ("sampling: {eta: 1, eta: 1}", "the key 'eta' is given twice"),
        ('policy: "\\ud83d\\udc36"', "at policy: expected characters, not parts of them"),
    ],
)
def test_a_wrong_file_is_one_line_with_file_place_and_key(
    text: str, said: str, written: Callable[[str], Path]
):
    path = written(text)
    for argv in ([path], [path, "--policy", "x"]):
        message = refusal(*argv)
        assert message.startswith(str(path))
        assert said in message


def test_a_mapping_that_is_laid_over_another_may_say_its_keys_anew(
    written: Callable[[str], Path],
):
    text = "policy: x\nsampling: &a {num_steps: 1, eta: 0}\nwarmup: {<<: *a, num_steps: 3}"
    config = read(written(text))
    assert config.sampling == Sampling(num_steps=1, eta=0.0)
    assert config.warmup == Sampling(num_steps=3, eta=0.0)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path):
    assert "no such file" in refusal(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read as text" in refusal(tmp_path / "binary.yaml")
    assert "cannot be read as text" in refusal_of_folder(tmp_path)


def refusal_of_folder(tmp_path: Path) -> str:
    (tmp_path / "folder.yaml").mkdir()
    return refusal(tmp_path / "folder.yaml")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--policy", "x", "--foo"], "unrecognised option --foo (see tune --help)"),
        (["--policy", "x", "--sampling.num-stepz", "3"], "did you mean --sampling.num-steps?"),
        (["--policy", "x", "--sampling.num-steps", "1.5"], "expected a whole number, got '1.5'"),
        (["--policy", "x", "--sampling.num-steps", "0"], "num_steps must be at least 1, got 0"),
        (["--policy", "x", "--learning-rate", "q"], "expected a number, got 'q'"),
        (["--policy", "x", "--mode", "q"], "invalid choice 'q' for argument '--mode'"),
        (["--policy", "x", "--betas", "1"], "Missing value for argument '--betas'"),
        (["--policy"], "Missing value for argument '--policy'"),
        ([], "option --policy is required"),
        (["tune.txt"], "expected a .yaml file or an option, got 'tune.txt'"),
        (["--policy", "x", "stray"], "unrecognised option stray"),
        (["--policy", "x", "--seed", "13"], "seed: expected another than 13"),
    ],
)
def test_a_wrong_option_is_one_line(argv: list[str], said: str):
    assert said in refusal(*argv)
    assert "see tune --help" in refusal(*argv)
    assert "Tune" not in refusal(*argv), "which the user has never heard of"


def test_help_shows_documentation_and_the_values_in_force(
    written: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as stopped:
        read(written("sampling: {num_steps: 123}"), "--help")
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    for words in ("Tune a policy.", "Denoising steps per image.", "123", "The policy to start"):
        assert words in said


def test_a_command_says_it_and_exits_two_and_help_is_fast(
    python: Callable[..., subprocess.Popen[str]],
):
    script = """
import sys
from dataclasses import dataclass
from data.config_file import parse
from data.entry import run_command

@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    steps: int = 1

run_command(lambda: print(parse(Config, sys.argv[1:], prog="tune", description="Tune.")))
"""
    process = python(script, "--foo")
    assert process.communicate() == (
        "",
        "error: unrecognised option --foo (see tune --help)\n",
    )
    assert process.returncode == 2
    began = time.monotonic()
    process = python(script, "--help")
    assert "--steps INT" in process.communicate()[0]
    assert process.returncode == 0
    assert time.monotonic() - began < 5.0  # a busy machine; about 0.4 s on an idle one
