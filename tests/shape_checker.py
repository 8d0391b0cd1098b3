"""The run-time type checker of the tests: beartype, with an int accepted where a float is asked.

It stands in a module of its own because jaxtyping's pytest option splits an expression with
brackets at the wrong comma.
"""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
