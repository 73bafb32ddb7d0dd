"""Latents: shapes, spaces, no randomness."""

import torch

from tests.zoo import batch, ready


def test_encoding_and_decoding_are_functions(name: str) -> None:
    model = ready(name)
    if not model.can("encode"):
        return
    data = batch(model, 6)
    with torch.no_grad():
        z = model.encode(data.x, data.given)
        assert len(z) == 6
        assert torch.equal(z, model.encode(data.x, data.given))
        x = model.decode(z, data.given)
        assert torch.equal(x, model.decode(z, data.given))
    assert x.shape == data.x.shape
    assert model.checked(x).dtype == data.x.dtype


def test_generators_decode_what_they_sample_from(name: str) -> None:
    model = ready(name)
    if model.can("decode") and not model.can("encode"):
        given = batch(model, 6).given
        with torch.no_grad():
            x = model.decode(torch.zeros(6, 4), given)
        assert model.checked(x).shape == (6, *model.space.shape)
