import itertools

import torch

from genzoo._deadline import Deadline, TooLong


def test_whenever_time_is_up_modes_are_as_they_were():
    """The end of `no_grad` calls torch, too, and must not be what is left out."""
    ended = []
    for late in range(12):
        calls = itertools.count()
        try:
            with Deadline(lambda calls=calls, late=late: 9.0 * (next(calls) > late), 1.0):
                with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                    torch.zeros(1).add(1)
                torch.zeros(2)
        except TooLong:
            ended.append(late)
        modes = torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")
        torch.set_grad_enabled(True)
        assert modes == (True, False), late
    assert ended == [0, 1, 2], "a row, its sum, and what comes after"
