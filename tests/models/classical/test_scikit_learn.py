"""What scikit-learn has as well is the same there, to 1e-6."""

import pytest

from experiments.equality import ROWS


@pytest.mark.parametrize("name", ROWS)
def test_fits_are_those_of_scikit_learn(name: str) -> None:
    for what, difference in ROWS[name]().items():
        assert difference <= 1e-6, what
