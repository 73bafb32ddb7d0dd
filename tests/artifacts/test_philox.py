"""The script that is shipped with graphs makes genzoo's own noise."""

import numpy as np
import torch

from genzoo.artifacts import philox
from genzoo.artifacts.listening import Asked, Listening, numbers
from genzoo.core import Noise


def test_it_makes_the_noise_of_every_kind_type_page_and_row() -> None:
    cases = [
        (("sample",), 0, 1, "normal", (3,), torch.float32),
        (("sample", "steps", 4), 7, 2, "normal", (2, 3, 3), torch.float64),
        (("log_prob", "cell"), 0, 1, "uniform", (), torch.float32),
        (("sample", 3), 2, 5, "uniform", (5,), torch.float64),
        (("sample",), 0, 3, "words", (6,), torch.int64),
    ]
    for seed, start, n in ((0, 0, 1), (7, 1000, 9), (2**40, 3, 4)):
        for case in cases:
            asked = Asked(*case)
            mine = torch.from_numpy(philox.made(asked.to_json(), seed, n, start))
            own = Noise(seed, *asked.path, start=start).tick(asked.page)
            for _ in range(asked.draw):
                theirs = getattr(own, asked.kind)(
                    n, *asked.shape, **{} if asked.kind == "words" else {"dtype": mine.dtype}
                )
            exact = asked.kind != "normal"  # whose logarithms are NumPy's, and may round otherwise
            assert torch.equal(mine, theirs) if exact else torch.allclose(mine, theirs, rtol=1e-6, atol=1e-7), case
            assert torch.equal(numbers(seed, start)(asked, n), theirs), case


def test_rows_of_a_seed_are_the_same_in_whatever_batch() -> None:
    graph = {
        "inputs": [{"name": "z", "is": "noise", **Asked(("sample",), 0, 1, "normal", (4,), torch.float32).to_json()}]
    }
    whole = philox.noise(graph, 5, 20)["z"]
    parts = [philox.noise(graph, 5, n, start)["z"] for start, n in ((0, 7), (7, 13))]
    assert np.array_equal(np.concatenate(parts), whole)


def test_what_listens_keeps_what_it_is_asked() -> None:
    noise = Listening(4, "sample", answer=numbers(3))
    own = Noise(3, "sample")
    assert torch.equal(noise.at("a").tick(2).normal(4, 2), own.at("a").tick(2).normal(4, 2))
    assert torch.equal(noise.categorical(torch.zeros(4, 3)), own.categorical(torch.zeros(4, 3)))
    assert torch.equal(noise.rows(slice(0, 4)).integers(9, 4), own.tick(0)._copy(draws=1).integers(9, 4))
    assert [(draw.path, draw.page, draw.kind) for draw in noise.asked] == [
        (("sample", "a"), 2, "normal"), (("sample",), 0, "uniform"), (("sample",), 0, "words"),
    ]  # fmt: skip
