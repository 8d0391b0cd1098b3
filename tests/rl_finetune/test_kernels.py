"""Which kernels torch may take once a policy is open; the flags can be read without a GPU."""

import pytest
import torch

from rl_finetune.stable_diffusion import StableDiffusionPolicy


@pytest.fixture(autouse=True)
def flags():
    """Torch's own defaults, and afterwards what was there before."""
    attention, tf32 = torch.backends.cuda.cudnn_sdp_enabled(), torch.backends.cudnn.allow_tf32
    torch.backends.cuda.enable_cudnn_sdp(True)
    torch.backends.cudnn.allow_tf32 = True
    yield
    torch.backends.cuda.enable_cudnn_sdp(attention)
    torch.backends.cudnn.allow_tf32 = tf32


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_attention_is_rounded_alike_with_a_gradient_and_without(base, precision):
    StableDiffusionPolicy.open(str(base), precision=precision)
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()
    assert torch.backends.cuda.mem_efficient_sdp_enabled()
    assert torch.backends.cuda.math_sdp_enabled()


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", False), ("bf16", True)])
def test_fp32_is_fp32_in_convolutions_too(base, precision, tf32):
    StableDiffusionPolicy.open(str(base), precision=precision)
    assert torch.backends.cudnn.allow_tf32 == tf32
    assert not torch.backends.cuda.matmul.allow_tf32
