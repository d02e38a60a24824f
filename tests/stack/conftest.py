from collections.abc import Iterator

import pytest

from tests.stack import running
from tests.stack.running import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything up. A test that kills something starts it again."""
    made = running.create(tmp_path_factory.mktemp("stack"))
    try:
        made.start("web", "worker", "scheduler")
        made.wait_until_ready()
        yield made
    finally:
        running.drop(made)
