"""What bf16 is too coarse for. No torch is imported here."""

from data.errors import ConfigError
from rl_finetune.config import TuneConfig

_BEARABLE = {
    "optimiser.num_updates": 1,
    "optimiser.num_passes": 1,
    "dpok.target_kl": None,
    "dpok.kl_in": "loss",
}
"""Fields by which training follows a ratio or a KL, and the value with which it does not."""


def refuse_to_follow_rounding(config: TuneConfig) -> None:
    """Raise `ConfigError` where DPOK would be steered by what bf16 leaves of a ratio or a KL.

    Two predictions that differ by less than bf16 resolves are rounded apart, in every entry of the
    latent; guidance multiplies that, and a log-ratio or KL sums it up: tens of nats. An iteration's
    first update is free of it, its old prediction being the new one, so one update is no trouble.
    """
    if config.objective != "dpok" or config.precision != "bf16":
        return
    for name, bearable in _BEARABLE.items():
        section, field = name.split(".")
        value = getattr(getattr(config, section), field)
        if value != bearable:
            raise ConfigError(
                f"{name} is {value}, which follows ratios or KLs that are mostly rounding in bf16: "
                f"set precision fp32, or {name} {bearable}"
            )
