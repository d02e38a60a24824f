"""An operator's own catalogue beside the built-in one."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _operators_catalogue(settings: Any) -> None:
    """The files of an operator whose models are their own stand beside the built-in ones."""
    settings.PROVIDERS_CATALOGUE_DIRS = [str(Path(__file__).parent / "catalogue")]
    settings.PROVIDERS_MODELS = []
