"""What is kept of frozen towers: whole or not at all, never stale, never computed twice."""

import errno
import logging
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data.files import sha256_of
from reward_training.inputs import feature_cache
from reward_training.inputs.feature_cache import FeatureCache
from reward_training.towers.backbones import digest_of_towers, open_backbone

WIDTH = 8
KEYS = [sha256_of(str(number).encode()) for number in range(20)]
EXTRACTION = """
import sys, time
from pathlib import Path
import torch
from data.files import sha256_of
from reward_training.inputs import feature_cache

feature_cache.SHARD = 4
folder, first, pause = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
numbers = list(range(first, first + 20))
print("ready", flush=True)
sys.stdin.readline()

def compute(rows):
    time.sleep(pause)
    print("computed", *rows, flush=True)
    return torch.tensor([[numbers[row]] * 8 for row in rows], dtype=torch.float)

keys = [sha256_of(str(number).encode()) for number in numbers]
found = feature_cache.FeatureCache(folder).complete(keys, 8, compute)
assert found[:, 0].tolist() == numbers, found
"""


class Tower:
    """Computes a feature from a row, and remembers for which."""

    def __init__(self, keys=KEYS):
        self.keys = keys
        self.asked = []

    def __call__(self, rows):
        self.asked += [self.keys[row] for row in rows]
        return torch.stack([feature(self.keys[row]) for row in rows])


def feature(key):
    return torch.randn(WIDTH, generator=torch.Generator().manual_seed(int(key[:8], 16)))


def expected(keys):
    return torch.stack([feature(key) for key in keys])


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "SHARD", 4)
    return FeatureCache(tmp_path / "features")


def shards(cache):
    return sorted(cache.folder.glob("*.safetensors"))


def numbered(numbers):
    return [sha256_of(str(number).encode()) for number in numbers]


@contextmanager
def running(cache, first, *, pause):
    """Have another process that has imported torch and begins when it is told to."""
    words = [sys.executable, "-c", EXTRACTION, str(cache.folder), str(first), str(pause)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process


def test_what_is_kept_is_not_computed_again_and_has_the_same_bits(cache):
    cold, warm = Tower(), Tower()
    assert torch.equal(cache.complete(KEYS, WIDTH, cold), expected(KEYS))
    assert cold.asked == KEYS
    assert torch.equal(cache.complete(KEYS, WIDTH, warm), expected(KEYS))
    assert warm.asked == []


def test_only_what_is_new_is_computed_in_any_order(cache):
    cache.complete(KEYS[3:9], WIDTH, Tower(KEYS[3:9]))
    wanted = KEYS[::-1]
    tower = Tower(wanted)
    assert torch.equal(cache.complete(wanted, WIDTH, tower), expected(wanted))
    assert tower.asked == [key for key in wanted if key not in KEYS[3:9]]
    assert torch.equal(cache.complete(KEYS[:2], WIDTH, Tower()), expected(KEYS[:2]))


def tokens(key):
    generator = torch.Generator().manual_seed(int(key[:8], 16))
    return torch.randn(3, WIDTH, generator=generator).half()


def test_what_is_located_is_read_from_its_shards(cache, monkeypatch):
    monkeypatch.setattr(feature_cache, "SMALL_SHARD", 4)
    asked = []

    def compute(rows):
        asked.extend(rows)
        return torch.stack([tokens(KEYS[row]) for row in rows])

    cache.locate(KEYS[:9], compute)
    assert asked == list(range(9))
    shards(cache)[1].unlink()
    asked.clear()
    stored = cache.locate(KEYS, compute)
    assert len(asked) in (12, 15)  # what is new, and what was in the shard
    rows = torch.tensor([17, 0, 9, 0, 3])
    expected = torch.stack([tokens(KEYS[row]) for row in rows.tolist()])
    assert torch.equal(stored(rows), expected)
    assert torch.equal(cache.locate(KEYS, pytest.fail)(rows), expected)


def test_nothing_asked_for_is_nothing(cache):
    assert cache.complete([], WIDTH, Tower()).shape == (0, WIDTH)
    assert not cache.folder.exists()


@pytest.mark.parametrize("damage", [lambda raw: raw[:-5], lambda raw: b"", lambda raw: raw[::-1]])
def test_a_damaged_shard_is_said_in_one_line_and_computed_again(cache, caplog, damage):
    cache.complete(KEYS, WIDTH, Tower())
    broken = shards(cache)[2]
    broken.write_bytes(damage(broken.read_bytes()))
    tower = Tower()
    with caplog.at_level(logging.WARNING):
        assert torch.equal(cache.complete(KEYS, WIDTH, tower), expected(KEYS))
    assert len(tower.asked) == 4
    (line,) = caplog.messages
    assert str(broken) in line
    assert "damaged" in line
    assert cache.complete(KEYS, WIDTH, Tower()).equal(expected(KEYS))
    assert len(caplog.messages) == 1


def test_a_flipped_bit_anywhere_is_found(cache):
    cache.complete(KEYS[:4], WIDTH, Tower())
    (path,) = shards(cache)
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        assert torch.equal(cache.complete(KEYS[:4], WIDTH, Tower()), expected(KEYS[:4]))
        assert path.read_bytes() == whole


def test_an_extraction_that_is_killed_goes_on_after_its_last_shard(cache):
    with running(cache, 0, pause=0.02) as process:
        process.stdin.write("go\n")
        for _ in range(3):
            process.stdout.readline()
        process.kill()
        assert process.wait() == -signal.SIGKILL
    kept = 4 * len(shards(cache))
    assert 8 <= kept < 20
    assert all(sha256_of(path) == path.stem for path in shards(cache))
    (cache.folder / ".0123456789abcdef.tmp").write_bytes(b"half a shard")
    tower = Tower()
    found = cache.complete(KEYS, WIDTH, tower)
    assert tower.asked == KEYS[kept:]
    assert found[:kept, 0].tolist() == list(range(kept))


def test_two_at_once_that_share_some_inputs_both_get_their_own(cache):
    with running(cache, 0, pause=0.01) as one, running(cache, 10, pause=0.01) as another:
        for process in (one, another):
            process.stdin.write("go\n")
        assert [process.wait() for process in (one, another)] == [0, 0]
    assert all(sha256_of(path) == path.stem for path in shards(cache))
    kept = cache.complete(numbered(range(30)), WIDTH, pytest.fail)
    assert kept[:, 0].tolist() == list(range(30))


def test_a_full_disk_is_an_error_that_names_the_shard(cache, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    cache.complete(KEYS[:4], WIDTH, Tower())
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        cache.complete(KEYS, WIDTH, Tower())
    assert Path(caught.value.filename).parent == cache.folder
    assert len(list(cache.folder.iterdir())) == 1
    monkeypatch.undo()
    tower = Tower()
    assert torch.equal(cache.complete(KEYS, WIDTH, tower), expected(KEYS))
    assert tower.asked == KEYS[4:]


def test_a_folder_that_may_not_be_written_is_said_and_fitted_without(cache, monkeypatch, caplog):
    def read_only(path, content):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(feature_cache, "write_atomically", read_only)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(cache.complete(KEYS, WIDTH, Tower()), expected(KEYS))
    assert len(caplog.messages) == 1
    assert "may not be written" in caplog.messages[0]


def test_the_digest_is_of_all_that_decides_the_features(backbone, clip_folder, make_clip, tmp_path):
    cpu = torch.device("cpu")

    def of(source=clip_folder, towers=backbone, device=cpu):
        return digest_of_towers(towers, str(source), device)

    assert of() == of(towers=open_backbone(str(clip_folder)))
    other = make_clip(tmp_path / "other", seed=1)
    digests = [of(), of(other, open_backbone(str(other))), of(device=torch.device("cuda"))]
    sharper = open_backbone(str(clip_folder))
    sharper.preprocess = replace(sharper.preprocess, interpolation="bilinear")
    digests.append(of(towers=sharper))
    with torch.no_grad():
        next(sharper.vision_parameters()).view(-1)[0] += 1e-6
    digests.append(of(towers=sharper))
    assert len(set(digests)) == len(digests)
