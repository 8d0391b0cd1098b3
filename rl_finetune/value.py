"""The value function V(x_t, t, z) of the paper's App. A.5: which reward an image will get.

Subtracted from the reward it takes out of the policy gradient what the state explains already. Any
function of the state leaves the gradient's expectation as it is, provided that it was not fitted to
the reward that it is compared with: so an iteration's values are read before they are learned from.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from devices.processes import Processes
from devices.seeding import seeded
from rl_finetune.dpok_config import ValueConfig
from rl_finetune.rollout import Rollout, pair_up

_NUM_LAYERS = 3


class ValueFunction(nn.Module):
    """A perceptron on the latents and the prompt; each step scales its hidden units for itself."""

    def __init__(self, *, num_inputs: int, num_steps: int, width: int) -> None:
        super().__init__()
        sizes = [num_inputs, *[width] * (_NUM_LAYERS - 1)]
        self.hidden = nn.ModuleList(nn.Linear(size, width) for size in sizes)
        self.scales = nn.ModuleList(nn.Embedding(num_steps, width) for _ in sizes)
        self.output = nn.Linear(width, 1)
        for scale in self.scales:
            nn.init.ones_(scale.get_parameter("weight"))

    def forward(
        self,
        latents: Float[Tensor, "batch channels height width"],
        indices: Int[Tensor, " batch"],
        condition: Float[Tensor, "batch tokens features"],
    ) -> Float[Tensor, " batch"]:
        """Return V of each state; the prompt is the mean of its tokens' features."""
        units = torch.cat([latents.flatten(1), condition.mean(1)], dim=1)
        for hidden, scale in zip(self.hidden, self.scales, strict=True):
            units = torch.relu(scale(indices) * hidden(units))
        return self.output(units)[:, 0]


class ValueLearner:
    """The value function of a run with its optimiser."""

    def __init__(self, function: ValueFunction, config: ValueConfig, processes: Processes) -> None:
        self.function = function
        self._config = config
        self._processes = processes
        self._optimiser = torch.optim.AdamW(function.parameters(), lr=config.learning_rate)

    @torch.no_grad()
    def values(
        self, rollout: Rollout, chosen: Int[Tensor, "images chosen"]
    ) -> Float[Tensor, "images chosen"]:
        """Return V at the chosen steps, on the CPU."""
        images, indices = pair_up(chosen)
        return self._evaluate(rollout, images, indices).cpu().unflatten(0, tuple(chosen.shape))

    def fit(
        self, rollout: Rollout, returns: Float[Tensor, " images"], rng: np.random.Generator
    ) -> float:
        """Regress V on what each image got, from any of its steps; return the mean squared error.

        The error is the mean over the updates, each measured before it is made. States are drawn
        from all processes' images; each process looks at its own.
        """
        processes, size = self._processes, self._config.batch_size
        num_images, num_steps = rollout.predictions.shape[:2]
        ours = num_images * num_steps
        errors = []
        for _ in range(self._config.num_updates):
            rows = rng.integers(ours * processes.count, size=size) - ours * processes.index
            rows = torch.from_numpy(rows[(rows >= 0) & (rows < ours)])
            images, indices = rows // num_steps, rows % num_steps
            target = returns[images].to(rollout.latents.device)
            error = (self._evaluate(rollout, images, indices) - target).square().sum() / size
            self._optimiser.zero_grad()
            error.backward()
            processes.sum_gradients(self.function.parameters())
            self._optimiser.step()
            errors.append(processes.sum(error.item()))
        return sum(errors) / len(errors)

    def state_dict(self) -> dict[str, object]:
        """Return weights and optimiser."""
        return {
            "function": self.function.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, dict[str, object]]) -> None:
        """Continue from what `state_dict` returned."""
        self.function.load_state_dict(state_dict["function"])
        self._optimiser.load_state_dict(state_dict["optimiser"])

    def _evaluate(
        self, rollout: Rollout, images: Int[Tensor, " batch"], indices: Int[Tensor, " batch"]
    ) -> Float[Tensor, " batch"]:
        return self.function(
            rollout.latents[images, indices],
            indices.to(rollout.latents.device),
            rollout.condition[images],
        )


def make_value_learner(
    config: ValueConfig,
    *,
    latent_shape: tuple[int, int, int],
    num_features: int,
    num_steps: int,
    processes: Processes,
    seed: int,
) -> ValueLearner:
    """Return a fresh value function; `num_features` are those of a prompt's token."""
    with seeded(seed, processes.device):
        function = ValueFunction(
            num_inputs=int(np.prod(latent_shape)) + num_features,
            num_steps=num_steps,
            width=config.width,
        )
    return ValueLearner(function.to(processes.device), config, processes)
