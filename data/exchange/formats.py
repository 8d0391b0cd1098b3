"""The formats by name."""

from data.errors import ExchangeError
from data.exchange.format import Format
from data.exchange.hpd_v2 import HPD_V2
from data.exchange.hpd_v3 import HPD_V3
from data.exchange.image_reward import IMAGE_REWARD
from data.exchange.pick_a_pic import PICK_A_PIC
from data.exchange.plain_csv import CSV
from data.exchange.trl import TRL

FORMATS = {each.name: each for each in (PICK_A_PIC, IMAGE_REWARD, HPD_V2, HPD_V3, TRL, CSV)}


def format_of(name: str) -> Format:
    """Return the format of that name or raise `ExchangeError`."""
    if name not in FORMATS:
        raise ExchangeError(f"no format {name!r}; known are {', '.join(FORMATS)}")
    return FORMATS[name]
