import pytest
import torch

from genzoo.training.order import Order
from tests.training.toys import Rows


def order_of(n, batch_size, seed=0):
    return Order(Rows(torch.arange(n), torch.arange(n) + 100), batch_size, seed)


@pytest.mark.parametrize(("n", "batch_size"), [(10, 4), (7, 7), (3, 8)])
def test_epochs_laid_end_to_end_hold_every_row_once_each(n, batch_size):
    order = order_of(n, batch_size)
    rows = torch.cat([order.batch(number)[0] for number in range(3 * n)])
    for epoch in range(3 * batch_size):
        assert sorted(rows[epoch * n : (epoch + 1) * n].tolist()) == list(range(n))


def test_a_batch_is_a_function_of_its_number():
    late = order_of(10, 4).batch(7)
    order = order_of(10, 4)
    for number in range(7):
        order.batch(number)
    again = order.batch(7)
    assert torch.equal(late[0], again[0])
    assert torch.equal(late[1], late[0] + 100)
    assert not torch.equal(late[0], order_of(10, 4, seed=1).batch(7)[0])


def test_parts_of_a_batch_make_the_batch():
    order = order_of(10, 6)
    parts = [order.batch(3, part)[0] for part in (slice(0, 1), slice(1, 4), slice(4, 6))]
    assert torch.equal(torch.cat(parts), order.batch(3)[0])


def test_one_pass_holds_the_rows_in_their_own_order():
    order = order_of(10, 4)
    assert order.passes == 3
    assert torch.equal(torch.cat([order.one_pass(number)[0] for number in range(3)]), torch.arange(10))


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="at least one row"):
        order_of(0, 4)
