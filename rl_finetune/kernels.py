"""Which of torch's GPU kernels compute a policy: those whose rounding a ratio and a KL can bear."""

import torch


def keep_out_cudnn_attention() -> None:
    """Let attention be computed by torch's own kernels alone, in this process from now on.

    On Hopper and later torch prefers cuDNN's attention and still leaves some calls to its own: with
    bf16 and heads of 160, as Stable Diffusion 1.5 has them, those with a gradient. Then the base's
    prediction, made without one, is rounded otherwise than the policy's, and the KL between two
    equal networks is not 0.

    A flag of the process, which is set before torch.compile traces anything, since
    `torch.nn.attention.sdpa_kernel` around each pass would not reach gradient checkpointing: that
    repeats the pass in the backward pass, after the block has been left. On a CPU it changes
    nothing.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)


def keep_convolutions_in_fp32() -> None:
    """Let a convolution of fp32 tensors be computed in fp32, in this process from now on.

    Unless it is told otherwise torch lets cuDNN take TF32 for it, with the 10 bits of fp16's
    mantissa; for matrix products it does not. On a CPU it changes nothing.
    """
    torch.backends.cudnn.allow_tf32 = False
