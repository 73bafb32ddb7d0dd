"""A world in which no distribution draws by itself."""

from collections.abc import Iterator

import pytest
import torch
from torch.distributions import Distribution


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(autouse=True)
def _draws_only_from_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Distribution, *args: object) -> None:
        raise AssertionError(f"{type(self).__name__} drew from global random state: use draw(distribution, noise).")

    kinds = [Distribution]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        for method in {"sample", "rsample", "sample_n"} & set(vars(kind)):
            monkeypatch.setattr(kind, method, refuse)
