"""Data sets of PyTorch and of the Hugging Face hub."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset, IterableDataset

from genzoo.core import Space
from genzoo.data import DataError, read


class Items(Dataset):
    def __init__(self, items: list[Any]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> Any:
        return self.items[i]


def pictures(n: int) -> list[Image.Image]:
    return [Image.fromarray(np.full((4, 5, 3), i, np.uint8)) for i in range(n)]


def test_items_of_pytorch() -> None:
    data = read(Items([(image, i % 3) for i, image in enumerate(pictures(30))]), given="label")
    assert (data.space, data.given_space) == (Space((3, 4, 5), levels=256), Space((), levels=3))
    assert data.x[:, 0, 0, 0].tolist() == list(range(30))
    assert read(Items(list(torch.arange(8.0).reshape(4, 2)))).x.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    named = read(Items([{"x": torch.ones(3) * i, "word": "ab"[i % 2]} for i in range(9)]), given="word")
    assert named.classes == {"": ["a", "b"]}


def test_items_that_do_not_fit() -> None:
    class Endless(IterableDataset):
        def __iter__(self) -> Any:
            yield 1

    for dataset, message in (
        (Items([]), "must have items"),
        (Items([torch.zeros(2), torch.zeros(3)]), r"one shape, got \(2,\) and \(3,\)"),
        (Items([{"x": 1.0}, {"y": 1.0}]), r"must all hold \['x'\], got \['y'\] in item 1"),
        (Items([[object()], [object()]]), "must hold numbers, images or words"),
        (Endless(), "must have a length"),
    ):
        with pytest.raises(DataError, match=message):
            read(dataset)


def test_images_with_named_labels_from_the_hub() -> None:
    import datasets

    features = datasets.Features(image=datasets.Image(), label=datasets.ClassLabel(names=["dog", "cat"]))
    columns = {"image": pictures(20), "label": [i % 2 for i in range(20)]}
    part = datasets.Dataset.from_dict(columns, features=features)
    data = read(datasets.DatasetDict(train=part, test=part.select(range(3))), given="label")
    assert (data.space, data.classes, len(data.test)) == (Space((3, 4, 5), levels=256), {"": ["dog", "cat"]}, 3)
    assert data.test.given.tolist() == [0, 1, 0]


def test_a_saved_data_set_of_texts(tmp_path: Path) -> None:
    import datasets

    columns = {"text": ["hello", "wörld"] * 10, "label": [0, 1] * 10}
    datasets.disable_progress_bars()
    datasets.DatasetDict(train=datasets.Dataset.from_dict(columns)).save_to_disk(str(tmp_path / "saved"))
    data = read(f"hub:{tmp_path / 'saved'}", given="label")
    assert (data.name, data.space.ragged, data.codec.texts(data.x[:2])) == ("saved", False, ["hello", "wörld"])
    with pytest.raises(DataError, match="Did you mean 'text'"):
        read(f"hub:{tmp_path / 'saved'}", x="txt")


def test_a_name_that_does_not_load() -> None:
    with pytest.raises(DataError, match="must be a data set that loads"):
        read("hub:genzoo/there-is-no-such-data-set")


@pytest.mark.parametrize(("dtype", "mode"), [(np.uint16, "I;16"), (np.int32, "I"), (np.float32, "F"), (np.uint8, "L")])
def test_pictures_keep_their_depth(dtype, mode):
    top = 1.0 if dtype == np.float32 else np.iinfo(np.uint8 if dtype == np.uint8 else np.uint16).max
    arrays = [((np.arange(64).reshape(8, 8) + i) / 100 * top).astype(dtype) for i in range(20)]
    images = [Image.fromarray(array) for array in arrays]
    assert images[0].mode == mode
    data = read(Items(images))
    assert torch.equal(data.x[:, 0].double(), torch.from_numpy(np.stack(arrays).astype(np.float64)))


@pytest.mark.parametrize(("mode", "channels"), [("1", 1), ("LA", 4), ("P", 3), ("CMYK", 3), ("RGBA", 4)])
def test_pictures_of_other_modes_become_bytes(mode, channels):
    images = [image.convert(mode) for image in pictures(12)]
    assert read(Items(images)).x.shape == (12, channels, 4, 5)
