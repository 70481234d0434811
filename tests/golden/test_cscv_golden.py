"""Eight rows, three trials, four blocks: cross-validation by hand (H.03)."""

import numpy as np
import pytest

from tiltwise.evaluate.significance.overfitting import pbo

RETURNS = 0.01 * np.array(
    [
        *((1, 2, -1), (3, 0, 1), (-2, 4, 2), (0, 1, 3)),
        *((2, -3, 1), (1, 1, -2), (-1, 2, 0), (4, -1, 2)),
    ]
)


def test_every_selection_ranks_last_out_of_sample():
    found = pbo(RETURNS, blocks=4)
    assert found.probability == 1.0
    np.testing.assert_allclose(found.logits, -1.098612, atol=1e-6)
    assert found.probability_of_loss == pytest.approx(1 / 3)
    assert found.slope == pytest.approx(-0.254816, abs=1e-6)
    assert found.selections.tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]]
    assert found.selected.tolist() == [1, 0, 0, 2, 2, 0]
    assert not found.first_order
    assert not found.second_order
    assert found.dropped == 0
