"""Images in folders and archives: depth, color, size, roles, bad files."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo.core import Noise, Space
from genzoo.data import DataError, ImageCodec, read
from genzoo.data.codecs.image import open_image


def pixels(n: int, *shape: int) -> np.ndarray:
    return Noise(4).integers(256, n, *shape).to(torch.uint8).numpy()


def save(path: Path, array: np.ndarray, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **how)
    return path


def image_folder(folder: Path) -> Path:
    for i, label in enumerate(["cat", "cat", "dog", "dog"]):
        save(folder / label / f"{i}.png", pixels(4, 6, 5)[i])
    return folder


# Folders


def test_folders_are_labels(tmp_path: Path) -> None:
    data = read(image_folder(tmp_path), given="label")
    assert data.space == Space((1, 6, 5), levels=256)
    assert data.classes == {"": ["cat", "dog"]}
    assert data.given.tolist() == [0, 0, 1, 1]
    assert data.x[:, 0].numpy().tolist() == pixels(4, 6, 5).tolist()


def test_a_star_is_everything_beside_the_images(tmp_path: Path) -> None:
    data = read(image_folder(tmp_path), given="*")
    assert {name: rows.tolist() for name, rows in data.given.items()} == {"label": [0, 0, 1, 1]}
    (tmp_path / "metadata.csv").write_text("file,hue,split\ncat/0.png,red,train\ndog/2.png,blue,test\n")
    told = read(tmp_path, given="*")
    assert list(told.given) == ["hue"]  # a split is no condition
    assert len(told.test) == 1


def test_folders_named_as_splits_are_splits(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        image_folder(tmp_path / split)
    data = read(tmp_path, given="label")
    assert [len(rows) for rows in (data.train, data.valid, data.test)] == [4, 4, 4]
    assert data.valid.given.tolist() == [0, 0, 1, 1]


def test_labels_can_be_what_is_modelled(tmp_path: Path) -> None:
    data = read(image_folder(tmp_path), x="label", given="image")
    assert (data.space, data.given_space) == (Space((1,), levels=2), Space((1, 6, 5), levels=256))
    assert data.x.tolist() == [[0], [0], [1], [1]]
    assert len(set(data.codec.cells(data.x)["label"])) == 2  # by their names
    again = read(tmp_path)
    assert all(data.splits[name].equal(again.splits[name]) for name in again.splits)  # by the image, not its class


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    paths = ImageCodec().save_each(torch.from_numpy(pixels(3, 4, 6, 6)), tmp_path)
    data = read(tmp_path)
    assert data.x.numpy().tolist() == pixels(3, 4, 6, 6).tolist()
    again = ImageCodec().save_each(data.x, tmp_path / "again")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    with pytest.raises(DataError, match=r"got 'label'\. There is none"):
        read(tmp_path / "again", given="label")


def test_one_picture_is_a_row_of_its_own(tmp_path: Path) -> None:
    for k, picture in enumerate(pixels(4, 5, 5, 3)):
        save(tmp_path / f"{k}.png", picture)
    whole, one = read(tmp_path), read(tmp_path / "2.png")
    assert (len(one.rows()), one.name, one.space) == (1, "2", whole.space)
    assert torch.equal(one.rows().x, whole.x[2:3])


def test_hidden_files_and_others_are_left_alone(tmp_path: Path) -> None:
    image_folder(tmp_path)
    for name in (".DS_Store", "cat/._0.png", "__MACOSX/0.png", "readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"else")
    assert len(read(tmp_path)) == 4


@pytest.mark.parametrize(("suffix", "how"), [(".jpg", {"quality": 95}), (".webp", {"lossless": True}), (".PNG", {})])
def test_formats(suffix: str, how: dict, tmp_path: Path) -> None:
    array = np.full((8, 8, 3), (200, 100, 50), dtype=np.uint8)
    save(tmp_path / f"a{suffix}", array, **how)
    x = read(tmp_path).x
    assert (x[0].permute(1, 2, 0).int() - torch.from_numpy(array)).abs().max() <= (2 if suffix == ".jpg" else 0)


# Archives


def zipped(path: Path, folder: Path, top: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for member in sorted(folder.rglob("*.*")):
            file.write(member, top + member.relative_to(folder).as_posix())
    return path


def test_a_zip_is_a_folder(tmp_path: Path) -> None:
    for split in ("train", "test"):
        image_folder(tmp_path / "images" / split)
    folder = read(tmp_path / "images", given="label")
    for top in ("", "pets/"):
        path = zipped(tmp_path / "alone" / "pets.zip" if top else tmp_path / "pets.zip", tmp_path / "images", top) \
            if (tmp_path / "alone").mkdir(exist_ok=True) is None else None  # fmt: skip
        data = read(path, given="label")
        assert (data.name, data.fingerprint) == ("pets", folder.fingerprint)
    assert read(tmp_path / "alone", given="label").fingerprint == folder.fingerprint  # a folder of one archive


def test_archives_are_read_with_suspicion(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(pixels(1, 4, 4)[0]).save(png, format="PNG")
    link = zipfile.ZipInfo("link.png")
    link.external_attr = 0o120777 << 16
    for name, message in (
        ("../a.png", "below its root"),
        ("/a.png", "below its root"),
        ("a/../../b.png", "below its root"),
        ("C:/a.png", "below its root"),
        (link, "plain files"),
    ):
        with zipfile.ZipFile(tmp_path / "bad.zip", "w") as file:
            file.writestr(name, png.getvalue())
        with pytest.raises(DataError, match=message):
            read(tmp_path / "bad.zip")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(DataError, match="whole archive"):
        read(tmp_path / "bad.zip")


def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("a.png", bytes(300 << 20))
    with pytest.raises(DataError, match=r"at most 256 MB, got 314,572,800 bytes in 'a.png'"):
        read(tmp_path / "bomb.zip")


# Tables beside images


def emoji(folder: Path) -> Path:
    lines = ["file_left,file_right,kind,name,split"]
    for i in range(120):
        save(folder / "left" / f"{i}.png", pixels(120, 4, 4)[i])
        save(folder / "right" / f"{i}.png", pixels(120, 6, 6, 3)[i])
        lines.append(f"left/{i}.png,right/{i}.png,{'ab'[i % 2]},thing no. {i},{'test' if i < 20 else 'train'}")
    (folder / "metadata.csv").write_text("\n".join(lines))
    return folder


def test_columns_of_metadata(tmp_path: Path) -> None:
    data = read(emoji(tmp_path), x="right", given=["left", "kind", "name"])
    assert (data.space.shape, data.given_space["left"].shape) == ((3, 6, 6), (1, 4, 4))
    assert data.splits["test"].tolist() == list(range(20))
    assert len(data.train) + len(data.valid) == 100
    assert data.classes == {"kind": ["a", "b"]}
    x, given = data.test.gather(torch.tensor([7]))
    assert x[0].permute(1, 2, 0).numpy().tolist() == pixels(120, 6, 6, 3)[7].tolist()
    assert given["left"][0, 0].numpy().tolist() == pixels(120, 4, 4)[7].tolist()
    assert given["name"].dtype == torch.int64
    assert data.given_codecs["name"].texts(given["name"]) == ["thing no. 7"]
    assert data.given_codecs["left"] == ImageCodec()


def test_what_is_crossed_to_be_withheld_need_not_be_given(tmp_path: Path) -> None:
    table = emoji(tmp_path) / "metadata.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},hue", *(f"{line},{'xyz'[i % 3]}" for i, line in enumerate(lines[1:]))]))
    data = read(tmp_path, x="right", given=["text=name"], hold_out="kind*hue:0.2")
    assert list(data.given_codecs) == ["text"]
    withheld = data.splits["held_out"]
    assert len(withheld) == 20  # one of six cells
    assert len(set((withheld % 6).tolist())) == 1
    both = read(tmp_path, x="right", given=["name", "kind", "hue"], hold_out="kind*hue:0.2")
    assert both.splits["held_out"].equal(withheld)


def test_words_can_be_what_is_modelled(tmp_path: Path) -> None:
    data = read(emoji(tmp_path), x="name", given="left")
    assert data.space.ragged
    assert data.codec.texts(data.x[:2]) == ["thing no. 0", "thing no. 1"]
    assert data.given_space == Space((1, 4, 4), levels=256)


def test_roles_that_are_not_there(tmp_path: Path) -> None:
    emoji(tmp_path)
    with pytest.raises(DataError, match=r"got 2 sets: left, right\. Say which, as x='left'"):
        read(tmp_path)
    with pytest.raises(DataError, match="Did you mean 'left'"):
        read(tmp_path, x="lefd")
    with pytest.raises(DataError, match="Did you mean 'name'"):
        read(tmp_path, x="left", given="nam")
    (tmp_path / "left" / "3.png").unlink()
    with pytest.raises(DataError, match=r"got 1 without.*\nleft/3.png: not there"):
        read(tmp_path, x="left")
    assert len(read(tmp_path, x="right")) == 120
    data = read(tmp_path, x="right", given="left", skip_bad=True)
    assert (len(data), data.skipped) == (119, ("left/3.png: not there",))


# Pairs


def pairs(folder: Path, splits: tuple[str, ...] = ("train", "test"), n: int = 6) -> Path:
    for k, split in enumerate(splits):
        for i in range(n):
            left = np.full((4, 4), 10 * k + i, dtype=np.uint8)
            save(folder / split / "photo" / f"{i}.png", left)
            save(folder / split / "label" / f"{i}.png", np.stack([left + 100] * 3, axis=-1))
    return folder


def test_folders_named_as_roles_hold_pairs(tmp_path: Path) -> None:
    data = read(pairs(tmp_path), x="photo", given="label")
    assert (data.space.shape, data.given_space.shape) == ((1, 4, 4), (3, 4, 4))
    assert data.paired
    assert len(data.test) == 6
    assert (data.x.amax((1, 2, 3)) + 100).equal(data.given.amax((1, 2, 3)))
    (tmp_path / "train" / "photo" / "2.png").unlink()
    with pytest.raises(DataError, match="train/2 in photo: not there"):
        read(tmp_path, x="photo", given="label")
    assert len(read(tmp_path, x="photo", given="label", skip_bad=True)) == 11


def test_unpaired_sets_come_in_orders_of_their_own(tmp_path: Path) -> None:
    pairs(tmp_path, n=30)
    for i in range(3):
        (tmp_path / "train" / "label" / f"{i}.png").unlink()
    data = read(tmp_path, x="photo", given="label", paired=False)
    assert not data.paired
    index = torch.arange(20)
    first, second, again = (data.train.gather(index, seed=1, epoch=epoch) for epoch in (0, 1, 0))
    assert first[0].equal(second[0])
    assert first[1].equal(again[1])
    assert not first[1].equal(second[1])
    everything = data.train.gather(torch.arange(len(data.train)), epoch=3)[1]
    assert everything.amax((1, 2, 3)).unique().numel() == min(len(data.train), len(data.given_splits["train"]))
    shown = data.test.gather(torch.arange(30))
    assert not (shown[0].amax((1, 2, 3)) + 100).equal(shown[1].amax((1, 2, 3)))
    assert set(shown[1].amax((1, 2, 3)).tolist()) == set(range(110, 140))
    assert data.fingerprint != read(tmp_path, x="photo", given="label", skip_bad=True).fingerprint
    whole = read(pairs(tmp_path / "whole"), x="photo", given="label")
    parted = read(tmp_path / "whole", x="photo", given="label", paired=False)
    assert whole.fingerprint != parted.fingerprint
    assert whole.test.fingerprint != parted.test.fingerprint


def test_moved_pairs_stay_pairs(tmp_path: Path) -> None:
    for i, array in enumerate(pixels(40, 8, 8)):
        save(tmp_path / "a" / f"{i}.png", array)
        save(tmp_path / "b" / f"{i}.png", 255 - array)
    data = read(tmp_path, x="a", given="b", augment="flip,shift=2:reflect")
    x, given = data.train.gather(torch.arange(len(data.train)), seed=1, epoch=4)
    assert x.equal(255 - given)
    assert not x.equal(data.train.x)
    with pytest.raises(DataError, match="cannot move x and its condition alike"):
        read(tmp_path, x="a", given="b", augment="crop=4")


# Size, color, depth


def test_images_of_different_sizes_or_colors_are_refused_with_the_fix(tmp_path: Path) -> None:
    save(tmp_path / "a.png", pixels(1, 6, 5)[0])
    save(tmp_path / "b.png", pixels(1, 6, 6)[0])
    with pytest.raises(DataError, match=r"got 5×6 and, in b.png, 6×6. Pass `size=5`"):
        read(tmp_path)
    save(tmp_path / "b.png", pixels(1, 6, 5, 3)[0])
    with pytest.raises(DataError, match=r"got grey and, in b.png, rgb. Pass `color=`, for example 'rgb'"):
        read(tmp_path)
    save(tmp_path / "b.png", np.full((6, 5), 60_000, dtype=np.uint16))
    with pytest.raises(DataError, match=r"got 256 levels and, in b.png, 65536. Pass `levels=256`"):
        read(tmp_path)
    assert read(tmp_path, levels=256).x[1].unique().tolist() == [233]
    deep = read(tmp_path, levels=65536)
    assert deep.x[0, 0].numpy().tolist() == (pixels(1, 6, 5)[0].astype(int) * 257).tolist()
    assert read(tmp_path, levels=256).notes == ("Pixels of 65536 levels are scaled to 256.",)


@pytest.mark.parametrize("fit", ["crop", "pad", "resize"])
def test_fits(fit: str, tmp_path: Path) -> None:
    R, G, B = (200 * np.eye(3, dtype=int)).tolist()
    array = np.repeat(np.array([R, G, G, B], dtype=np.uint8), 4, axis=0)[None].repeat(8, axis=0)
    save(tmp_path / "wide.png", array)
    data = read(tmp_path, size=8, fit=fit)
    x = data.x[0].permute(1, 2, 0).numpy()
    assert x.shape == (8, 8, 3)
    middle = {"crop": [G, G, G, G], "resize": [R, G, G, B], "pad": [R, G, G, B]}[fit]
    assert np.abs(x[4, [0, 3, 4, 7]].astype(int) - middle).max() <= 20  # bicubic edges overshoot
    assert (x[[0, 1, 6, 7]].max() == 0) == (fit == "pad")
    assert "8×8" in data.notes[0]
    assert read(tmp_path, size=(4, 10)).space.shape == (3, 4, 10)


def test_a_size_is_for_images() -> None:
    with pytest.raises(DataError, match="`size` is for .*folders and archives of images.*, got 'digits'"):
        read("digits", size=4)


def test_splits_do_not_depend_on_size_or_color(tmp_path: Path) -> None:
    for i, array in enumerate(pixels(60, 6, 6, 3)):
        save(tmp_path / f"{i:02d}.png", array)
    first, second = read(tmp_path), read(tmp_path, size=3, color="grey")
    assert all(first.splits[name].equal(second.splits[name]) for name in first.splits)
    assert first.fingerprint != second.fingerprint


def test_colors(tmp_path: Path) -> None:
    array = np.zeros((2, 2, 4), dtype=np.uint8)
    array[..., 0], array[0, :, 3] = 255, 255
    save(tmp_path / "a.png", array)
    assert read(tmp_path).space.shape == (4, 2, 2)
    rgb = read(tmp_path, color="rgb")
    assert rgb.x[0, :, :, 0].T.tolist() == [[255, 0, 0], [255, 255, 255]]  # over white
    assert "over white" in rgb.notes[0]
    assert read(tmp_path, color="grey").x[0, 0, :, 0].tolist() == [76, 255]
    with pytest.raises(DataError, match="must be one of grey, rgb, rgba, got 'gray'"):
        read(tmp_path, color="gray")


def test_palettes_and_transparency(tmp_path: Path) -> None:
    Image.fromarray(pixels(1, 6, 5, 3)[0]).quantize(4).save(tmp_path / "a.png")
    assert read(tmp_path).space.shape == (3, 6, 5)
    Image.fromarray(pixels(1, 6, 5)[0]).convert("LA").save(tmp_path / "b.png")
    assert read(tmp_path, color="rgba").x[0, 3].unique().tolist() == [255]


def test_a_photo_is_turned_as_it_says(tmp_path: Path) -> None:
    array = np.zeros((8, 16, 3), dtype=np.uint8)
    array[:, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn clockwise shows it upright
    save(tmp_path / "a.jpg", array, exif=exif, quality=95)
    x = read(tmp_path).x[0, 0]
    assert x.shape == (16, 8)
    assert x[:7].float().mean() > 250
    assert x[9:].float().mean() < 5


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_round_trip(channels: int, tmp_path: Path) -> None:
    x = Noise(1).integers(65536, 3, channels, 7, 5)
    codec = ImageCodec(65536)
    paths = codec.save_each(x, tmp_path / "first")
    data = read(tmp_path / "first")
    assert data.space == Space((channels, 7, 5), levels=65536)
    rows, _ = data.train.gather(torch.arange(len(data.train)))
    assert rows.dtype == torch.int64
    assert data.x.long().equal(x)
    assert data.codec == codec
    again = data.codec.save_each(data.x, tmp_path / "again")
    assert [path.read_bytes() for path in paths] == [path.read_bytes() for path in again]
    assert codec.load(paths[1]).equal(x[1:2])
    small = read(tmp_path / "first", levels=256)
    assert small.x.equal((x.double() * 255 / 65535).round().byte())
    with Image.open(codec.save(x, tmp_path / "grid.png")) as grid:
        assert grid.size[0] > 7


def test_sixteen_bits_are_resized_and_recolored_as_eight_are(tmp_path: Path) -> None:
    eight = pixels(1, 4, 9, 7)[0].repeat(4, axis=1).repeat(4, axis=2)  # smooth enough not to ring
    for channels in (1, 3, 4):
        part = np.ascontiguousarray(eight[:channels])
        ImageCodec().save(torch.from_numpy(part)[None], tmp_path / f"{channels}-8" / "a.png") \
            if (tmp_path / f"{channels}-8").mkdir() is None else None  # fmt: skip
        ImageCodec(65536).save_each(torch.from_numpy(part.astype(int) * 257)[None], tmp_path / f"{channels}-16")
        for how in ({"size": 8}, {"size": 8, "fit": "pad"}, {"color": "grey"}, {"color": "rgb"}, {"color": "rgba"}):
            low = read(tmp_path / f"{channels}-8", **how).x.int()
            high = read(tmp_path / f"{channels}-16", levels=256, **how).x.int()
            alpha = low[:, 3:] if low.shape[1] == 4 else torch.full_like(low, 255)
            assert ((low - high).abs() * (alpha > 64)).max() <= 4, (channels, how)


# Bad files


def test_bad_images_are_listed_or_skipped(tmp_path: Path) -> None:
    image_folder(tmp_path)
    good = (tmp_path / "cat" / "0.png").read_bytes()
    for i in range(12):
        (tmp_path / "cat" / f"bad{i:02d}.png").write_bytes(good[:40] if i % 2 else b"no image")
    with pytest.raises(
        DataError, match=r"(?s)12 of 16 images cannot be read:\ncat/bad00.png.*bad09.*… and 2 more\.\nReplace them"
    ):
        read(tmp_path)
    data = read(tmp_path, given="label", skip_bad=True)
    assert data.x[:, 0].numpy().tolist() == pixels(4, 6, 5).tolist()
    assert data.given.tolist() == [0, 0, 1, 1]
    assert len(data.skipped) == 12
    assert data.skipped[0].startswith("cat/bad00.png must be a whole PNG, JPEG, WebP, BMP, TIFF or GIF image, got: ot")


def test_a_bad_half_of_a_pair_takes_the_other_with_it(tmp_path: Path) -> None:
    pairs(tmp_path)
    (tmp_path / "train" / "label" / "1.png").write_bytes(b"no image")
    (tmp_path / "train" / "photo" / "4.png").write_bytes(b"no image")
    data = read(tmp_path, x="photo", given="label", skip_bad=True)
    assert (len(data), len(data.train) + len(data.valid), len(data.skipped)) == (10, 4, 2)
    assert (data.x.amax((1, 2, 3)) + 100).equal(data.given.amax((1, 2, 3)))


def test_where_no_image_is_good(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    for skip in (False, True):
        with pytest.raises(DataError, match="1 of 1 images cannot be read"):
            read(tmp_path, skip_bad=skip)


def test_an_enormous_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (8_001, 8_000)).save(tmp_path / "large.png")
    with pytest.raises(DataError, match="at most 64,000,000 pixels"):
        read(tmp_path)
    Image.new("1", (10_000, 9_000)).save(tmp_path / "large.png")  # Pillow itself would warn
    with pytest.raises(DataError, match=r"large.png must"):
        read(tmp_path)


def test_animations_and_floats_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(array) for array in pixels(2, 6, 6, 3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="must be one picture, got several frames"):
        open_image(tmp_path / "a.webp")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got nothing"):
        read(tmp_path)


# Real data
