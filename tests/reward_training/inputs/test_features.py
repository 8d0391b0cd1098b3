"""Features of a fit: the same bits from the towers and from the disk, and few images in memory."""

import shutil
from dataclasses import replace

import pytest
import torch

from data.records import Aspect
from data.snapshot import take_snapshot
from reward_training.config import ModelConfig
from reward_training.fitting import fit
from reward_training.inputs import encoding, feature_cache
from reward_training.inputs.dataset import Comparisons, read_images
from reward_training.inputs.encoding import prepare_features


@pytest.mark.parametrize("model", [ModelConfig(train="head", head="mlp"), ModelConfig()])
def test_cold_half_warm_and_warm_fits_are_equal_bit_for_bit(
    quick_config, planted, tmp_path, monkeypatch, reads, model
):
    monkeypatch.setattr(feature_cache, "SHARD", 16)
    config, snapshot = replace(quick_config, model=model), take_snapshot(planted)

    def fitted(name):
        reads.clear()
        path = fit(config, snapshot, out=tmp_path / name).path
        # The reward model's name is in the file.
        return (path / "model.safetensors").read_bytes(), len(reads)

    cold, num_cold = fitted("first/reward")
    kept = sorted(planted.features.glob("*/images/*.safetensors"))
    assert len(kept) == 5
    for shard in kept[::2]:
        shard.unlink()
    half, num_half = fitted("second/reward")
    warm, num_warm = fitted("third/reward")
    assert num_cold == 80
    assert 0 < num_half < 80
    assert num_warm == 0
    assert cold == half == warm


def test_a_later_round_reads_new_images_only(quick_config, planted, tmp_path, reads):
    snapshot = take_snapshot(planted)
    few = replace(snapshot, verified_rows=snapshot.verified_rows[:25])
    fit(quick_config, few, out=tmp_path / "first")
    before = set(reads)
    reads.clear()
    fit(replace(quick_config, name="second"), snapshot, out=tmp_path / "second")
    assert len(reads) == 80 - len(before)
    assert not before & set(reads)


def test_a_damaged_shard_changes_nothing_but_a_line(quick_config, planted, tmp_path, reads, caplog):
    snapshot = take_snapshot(planted)
    first = fit(quick_config, snapshot, out=tmp_path / "one" / "reward")
    (shard,) = planted.features.glob("*/images/*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1])
    second = fit(quick_config, snapshot, out=tmp_path / "two" / "reward")
    assert first.metrics == second.metrics
    assert [message for message in caplog.messages if "damaged" in message]


def test_a_snapshot_beside_no_images_needs_none_once_they_are_kept(
    quick_config, planted, tmp_path, reads
):
    snapshot = take_snapshot(planted)
    fit(quick_config, snapshot, out=tmp_path / "first")
    shutil.rmtree(planted.images_dir)
    fit(quick_config, snapshot, out=tmp_path / "second")


def test_frozen_features_are_the_towers_own(make_fitting, snapshot):
    fitting, comparisons, _ = make_fitting("head")
    backbone, rows = fitting.reward.backbone, torch.tensor([5, 0, 5, 17])
    images = read_images(snapshot, [comparisons.images[row] for row in rows])
    expected = torch.cat([backbone.encode_raw_images(image[None]) for image in images])
    assert torch.equal(fitting.features.images(rows), expected)
    texts = [backbone.tokenize([comparisons.prompts[row]]) for row in (3, 1)]
    expected = torch.cat([backbone.encode_text(tokens) for tokens in texts])
    assert torch.equal(fitting.features.prompts(torch.tensor([3, 1])), expected)


def test_images_of_a_trained_tower_are_read_when_asked_for_and_few_are_kept(
    backbone, snapshot, tmp_path, monkeypatch, reads
):
    monkeypatch.setattr(encoding, "KEPT_BYTES", 10 * 4 * 3 * 16 * 16)
    comparisons = Comparisons.from_snapshot(snapshot, Aspect.OVERALL)
    live = prepare_features(
        backbone, snapshot, comparisons.images, comparisons.prompts, kept=tmp_path / "none"
    ).images
    assert reads == []
    rows = torch.tensor([7, 3, 7, 350])
    first = live(rows)
    assert reads == [comparisons.images[row] for row in (3, 7, 350)]
    assert torch.equal(first[0], first[2])
    live(torch.arange(200, 210))
    reads.clear()
    live(torch.arange(205, 210))
    assert reads == []
    assert torch.equal(live(rows), first)
    assert len(reads) == 3
    assert not (tmp_path / "none").exists()
