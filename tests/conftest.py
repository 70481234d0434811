"""Fixtures that every test may use."""

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples in every run: a law that breaks does so for everybody.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of development data; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("development data folder not beside the checkout")
    return SHARED
