"""One PostgreSQL server for all tests that ask for it."""

from collections.abc import Iterator

import pytest
from postgres_server import PASSWORD, Server, missing, running

from data.store_address import STORE_VARIABLE


@pytest.fixture(scope="session", autouse=True)
def _no_store_of_the_users() -> Iterator[None]:
    """Keep the tests out of a database that whoever runs them has chosen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STORE_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A private server, whose password is in the environment as a user's would be."""
    if lacks := missing():
        pytest.skip(lacks)
    with running() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        yield server
