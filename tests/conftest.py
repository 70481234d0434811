"""Fixtures that every test may use."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of development data; tests that need it skip where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("development data folder not beside the checkout")
    return SHARED
