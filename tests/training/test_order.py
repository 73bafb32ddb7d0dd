import itertools

import pytest
import torch
from torch.utils.data import DataLoader

from genzoo.core import Noise
from genzoo.training import TrainConfig, train
from genzoo.training.callbacks import Callback
from genzoo.training.order import ForeignOrder, KeyedOrder
from tests.training.toys import Line, Moments, Rows


def order_of(n, batch_size, seed=0):
    return KeyedOrder(Rows(torch.arange(n), torch.arange(n) + 100), batch_size, seed)


@pytest.mark.parametrize(("n", "batch_size"), [(10, 4), (7, 7), (3, 8)])
def test_epochs_laid_end_to_end_hold_every_row_once_each(n, batch_size):
    order = order_of(n, batch_size)
    rows = torch.cat([order.batch(number).x for number in range(3 * n)])
    for epoch in range(3 * batch_size):
        assert sorted(rows[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))


def test_a_batch_is_a_function_of_its_number():
    late = order_of(10, 4).batch(7)
    order = order_of(10, 4)
    for number in range(7):
        order.batch(number)
    again = order.batch(7)
    assert torch.equal(late.x, again.x)
    assert torch.equal(late.given, late.x + 100)
    assert not torch.equal(late.x, order_of(10, 4, seed=1).batch(7).x)


def test_parts_of_a_batch_make_the_batch():
    order = order_of(10, 6)
    shares = [slice(0, 1), slice(1, 4), slice(4, 6)]
    parts = [order.batch(3, lambda rows, share=share: share) for share in shares]
    assert torch.equal(torch.cat([part.x for part in parts]), order.batch(3).x)
    assert [(part.start, part.total) for part in parts] == [(0, 6), (1, 6), (4, 6)]


def test_one_pass_holds_the_rows_in_their_own_order():
    order = order_of(10, 4)
    assert order.passes == 3
    parts = [order.in_pass(number) for number in range(3)]
    assert torch.equal(torch.cat([part.x for part in parts]), torch.arange(10))
    assert [part.start for part in parts] == [0, 4, 8]


@pytest.mark.parametrize(("n", "batch_size"), [(10, 4), (8, 4), (3, 8)])
def test_a_first_look_sees_every_row_once(n, batch_size):
    order = order_of(n, batch_size)
    seen = torch.cat([order.once(number).x for number in range(order.passes)])
    assert torch.equal(seen, torch.cat([order.batch(number).x for number in range(order.passes)])[:n])
    assert sorted(seen.tolist()) == list(range(n))


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        order_of(0, 4)


def loader_of(rows, batch_size):
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(rows), batch_size=batch_size)


def test_a_foreign_loader_trains_in_its_own_order_and_with_its_own_batches():
    rows = Noise(0).normal(50, 2)
    loader = loader_of(rows, 20)
    trained = train(Moments(), loader, TrainConfig(steps=1, device="cpu"))
    assert trained.steps == 3
    torch.testing.assert_close(trained.model.mean, rows.mean(0) / 2)
    trained = train(Line(), loader, TrainConfig(steps=10, device="cpu"))
    torch.testing.assert_close(trained.model.start, rows.mean(0), msg="prepare saw every row")


def test_after_a_resume_a_foreign_loader_begins_its_epoch_again_and_says_so(tmp_path):
    class Stop(Callback):
        def on_step(self, state):
            if state.step == 7:
                raise ConnectionAbortedError

    loader, config = loader_of(Noise(0).normal(50, 2), 10), TrainConfig(steps=10, checkpoint_every=2, device="cpu")
    with pytest.raises(ConnectionAbortedError):
        train(Line(), loader, config, run=tmp_path, callbacks=[Stop()])
    heard = []
    assert train(Line(), loader, config, run=tmp_path, begin="resumed", say=heard.append).steps == 10
    assert "its epoch begins again" in heard[-1]


@pytest.mark.parametrize("batch", [[1.0, 2.0], {"y": torch.zeros(2)}, "text"])
def test_what_a_foreign_loader_yields_must_be_understood(batch):
    loader = torch.utils.data.DataLoader([batch], collate_fn=lambda items: items[0], batch_size=1)
    with pytest.raises(TypeError, match="must yield x"):
        ForeignOrder(loader, print).batch(0)


class Stream(torch.utils.data.IterableDataset):
    def __init__(self, n: int | None):
        self.n = n

    def __iter__(self):
        rows = itertools.count() if self.n is None else range(self.n)
        return (torch.tensor([float(row)]) for row in rows)


@pytest.mark.parametrize(("n", "passes"), [(10, 3), (None, 7)])
def test_a_stream_without_a_length_is_counted(n, passes, monkeypatch):
    monkeypatch.setattr("genzoo.training.order.COUNTED", 7)
    heard = []
    order = ForeignOrder(DataLoader(Stream(n), batch_size=4), heard.append)
    assert order.passes == passes
    assert "without a length" in heard[0]
    assert order.batch(0).x.flatten().tolist() == [0.0, 1.0, 2.0, 3.0]


def test_an_empty_stream_is_refused():
    with pytest.raises(ValueError, match="at least one batch"):
        ForeignOrder(DataLoader(Stream(0), batch_size=4), print)


def test_moments_of_a_stream_are_those_of_its_rows():
    trained = train(Moments(), DataLoader(Stream(12), batch_size=4), TrainConfig(steps=1, device="cpu"))
    assert trained.steps == 3
