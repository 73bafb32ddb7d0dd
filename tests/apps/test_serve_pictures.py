"""Pictures that are served: as events while they come, and with a part of them drawn anew."""

import base64
import dataclasses
import io
import json
import wave

import numpy as np
import pytest
import torch
from PIL import Image

from genzoo import read, train
from genzoo.apps.serve.drawing import Drawn
from genzoo.apps.serve.drawing import _drawn as draw_rows
from genzoo.apps.serve.edits import _soon as soon
from genzoo.apps.serve.refusals import Refusal
from genzoo.core import Space
from genzoo.data.codecs.audio import SoundCodec
from genzoo.data.codecs.image import ImageCodec
from genzoo.models.classical import PPCA
from genzoo.tasks.inverse import Choice, Exactness, Gaussian, Mask, Measurement, as_numbers, solve
from genzoo.zoo.loading import load
from tests.apps.serving import LIMITS, call, refused, running, told


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, digits = tmp_path_factory.mktemp("pictures"), read("digits")
    train("ddpm", digits, settings={"width": 4}, steps=1, out=folder / "ddpm", device="cpu")
    mixture = {"components": 2}
    train("gaussian_mixture", digits, settings=mixture, steps=1, out=folder / "mixture", device="cpu")
    train("latent_diffusion", digits, settings={"latent": 4, "width": 8}, steps=2, out=folder / "latent", device="cpu")
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with running([folder / "ddpm", folder / "latent", folder / "mixture"]) as server:
        yield server


@pytest.fixture(scope="module")
def client(server):
    import openai

    with openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=0) as client:
        yield client


def png(array, mode=None):
    file = io.BytesIO()
    Image.fromarray(np.asarray(array, dtype=np.uint8), mode).save(file, "png")
    return file.getvalue()


def opened(b64):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(b64))))


LEVELS = torch.arange(64).reshape(1, 8, 8) // 4  # of the digits, which have 17
WHOLE = ImageCodec(levels=17).pixels(LEVELS[None])[0, 0].numpy()
HOLE = np.full((8, 8, 4), 255)
HOLE[2:6, 2:6] = 0
FILES = {"image": ("image.png", png(WHOLE)), "mask": ("mask.png", png(HOLE))}


# --- as they come -------------------------------------------------------------------------------------------------


def test_pictures_come_by_and_by(client):
    asked = {"model": "ddpm", "prompt": None, "n": 2, "extra_body": {"seed": 3, "options": {"steps": 8}}}
    whole = client.images.generate(**asked)
    events = list(client.images.generate(**asked, stream=True, partial_images=3))
    assert [(event.type, event.index) for event in events] == [
        *[("image_generation.partial_image", i) for _ in range(3) for i in range(2)],
        *[("image_generation.completed", i) for i in range(2)],
    ]
    assert [event.partial_image_index for event in events[:6]] == [0, 0, 1, 1, 2, 2]
    assert [event.b64_json for event in events[6:]] == [each.b64_json for each in whole.data]
    assert {event.size for event in events} == {"8x8"}
    far = [np.abs(opened(event.b64_json) - opened(events[6].b64_json).astype(float)).mean() for event in events[:6:2]]
    assert far[0] > far[2], "what is shown comes nearer to what it becomes"


def test_latents_come_decoded(client):
    asked = {"model": "latent", "prompt": None, "extra_body": {"seed": 3, "options": {"steps": 8}}}
    *parts, whole = client.images.generate(**asked, stream=True, partial_images=2)
    assert [part.partial_image_index for part in parts] == [0, 1]
    assert {opened(each.b64_json).shape for each in (*parts, whole)} == {(8, 8)}
    assert whole.b64_json == client.images.generate(**asked).data[0].b64_json


def test_what_draws_at_once_comes_at_once(client):
    asked = {"model": "mixture", "prompt": None, "extra_body": {"seed": 3}}
    (event,) = client.images.generate(**asked, stream=True, partial_images=2)
    assert event.type == "image_generation.completed"
    assert event.b64_json == client.images.generate(**asked).data[0].b64_json


def test_parts_are_not_asked_of_what_is_not_streamed(server):
    found = refused(server, "images/generations", model="ddpm", partial_images=2)
    assert found[:2] == (400, "partial_images")
    assert "Set stream" in found[2]


def test_options_are_of_their_kind_and_only_steps_are_counted(server):
    for options, words in ({"guidance": 1e6}, ""), ({"steps": 3.5}, "whole number"), ({"steps": True}, "whole"):
        status, _, answer = call(server, "/v1/images/generations", {"model": "ddpm", "options": options | {"grid": 3}})
        told = answer["error"]
        assert (status, told["param"]) == (400, f"options.{'steps' if words else 'grid'}"), told
        assert words in told["message"]
        assert "noise" not in told["message"]
    assert "within a million" in refused(server, "images/generations", model="ddpm", options={"guidance": 1e308})[2]
    found = refused(server, "images/generations", model="ddpm", options={"steps": 10**30})
    assert (found[1], found[2]) == ("options", "n × entries × steps must be at most 100,000, got far more. Take fewer "
                                    "steps.")  # fmt: skip


def test_what_was_not_asked_for_is_not_blamed():
    with pytest.raises(Refusal, match=r"got grid=\[3\]\. Correct"):
        draw_rows(PPCA(Space((1, 4, 4))), [Drawn(1, 0, {}, {"noise": False, "grid": [3]})], {})


# --- a part anew --------------------------------------------------------------------------------------------------


def test_edits_are_draws_of_the_posterior(client, folder):
    asked = {"model": "mixture", "n": 3, "extra_body": {"seed": 5, "noise": "0.1"}}
    answer = client.images.edit(**FILES, prompt=None, **asked)
    assert (answer.method, answer.exactness, answer.seed) == ("closed", "approximate", 5)
    run = load(folder / "mixture")
    x, known = LEVELS.byte(), torch.from_numpy(HOLE[..., 3] > 0)[None]
    y = torch.where(known, as_numbers(run.generative.space, x), 0)
    wanted = solve(run.generative, Measurement(Mask(known), y[None], Gaussian(0.1)), n=3, seed=5).x[:, 0]
    wanted = torch.where(known, x, wanted)
    for row, each in zip(run.codec.pixels(wanted), answer.data, strict=True):
        assert np.array_equal(opened(each.b64_json), row[0].numpy())
    assert len({each.b64_json for each in answer.data}) == 3
    (event,) = client.images.edit(**FILES, prompt=None, model="mixture", stream=True,
                                  extra_body={"seed": 5, "noise": "0.1"})  # fmt: skip
    assert (event.type, event.index) == ("image_edit.completed", 0)


def test_the_picture_may_have_the_hole_itself(client):
    pierced = np.stack([WHOLE, WHOLE, WHOLE, HOLE[..., 3]], -1)
    pierced[2:6, 2:6, :3] = 99  # a color that nobody sees
    asked = {"model": "mixture", "prompt": None, "extra_body": {"seed": 5, "noise": "exact"}}
    found = opened(client.images.edit(image=("a.png", png(pierced)), **asked).data[0].b64_json)
    assert np.array_equal(found, opened(client.images.edit(**FILES, **asked).data[0].b64_json))
    seen = HOLE[..., 3] > 0
    assert np.array_equal(found[seen], WHOLE[seen])


def test_what_somebody_can_wait_for_is_taken():
    slow, fast = Choice("mwg", Exactness.ASYMPTOTIC, 900), Choice("dps", Exactness.APPROXIMATE, 300)
    assert (soon([slow, fast], 1), soon([slow, fast], 2)) == (slow, fast)
    with pytest.raises(Refusal, match="importance would take 409,600"):
        soon([Choice("importance", Exactness.ASYMPTOTIC, 204_800)], 2)


def test_a_denoiser_is_led(client):
    answer = client.images.edit(
        **FILES, prompt=None, model="ddpm", extra_body={"method": "dps", "options": {"steps": 3}}
    )
    assert (answer.method, answer.exactness) == ("dps", "approximate")


# --- conditions that are files ------------------------------------------------------------------------------------


def wav(samples, rate=8000, channels=1):
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(np.asarray(samples, dtype="<i2").tobytes())
    return file.getvalue()


def url(content, kind="image/png"):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Pictures given pictures, and pictures given sounds."""
    folder = tmp_path_factory.mktemp("given")
    x = torch.arange(20 * 64).reshape(20, 1, 8, 8).remainder(256).byte()
    conditions = {"photo": x.flip(-1), "sound": torch.linspace(-1, 1, 20)[:, None].repeat(1, 30)}
    for name, rows in conditions.items():
        data = read({"y": x, "given": rows}, x="y", given="given")
        train("cvae", data, settings={"hidden": 2}, steps=1, out=folder / name, device="cpu")
    with running([folder / name for name in conditions], dataclasses.replace(LIMITS, body=1 << 16)) as server:
        for name, codec in (("photo", ImageCodec()), ("sound", SoundCodec(8000))):
            served = server.shelf[name]
            served.run = dataclasses.replace(served.run, given_codecs={"": codec})
        yield server


def test_pictures_and_sounds_are_conditions(given):
    pixels = (np.arange(64).reshape(8, 8) * 3).astype(np.uint8)
    photo = given.shelf["photo"].model
    drawn = told(given, "images/generations", model="photo", n=3, seed=1,
                 given={"given": [url(png(pixels)), base64.b64encode(png(pixels.T)).decode()]})  # fmt: skip
    rows = torch.from_numpy(np.stack([pixels, pixels, pixels.T]))[:, None]
    wanted = photo.sample(3, rows, seed=1, noise=False)
    assert [base64.b64decode(each["b64_json"]) for each in drawn["data"]] == ImageCodec().pngs(wanted)
    samples = np.linspace(-9000, 9000, 30)
    drawn = told(given, "images/generations", model="sound", seed=1, given={"given": url(wav(samples), "audio/wav")})
    rows = torch.from_numpy(samples.astype("<i2") / 2.0**15).float()[None]
    wanted = given.shelf["sound"].model.sample(1, rows, seed=1, noise=False)
    assert base64.b64decode(drawn["data"][0]["b64_json"]) == ImageCodec().pngs(wanted)[0]


GIVEN = [
    ("photo", "words.png", "must be base64"),
    ("photo", 3, "must be a file in base64, got int"),
    ("photo", url(b"GIF89a"), "must be a whole PNG"),
    ("photo", url(png(np.zeros((9, 8)))), "must be 8×8 pixels, as the run's are, got 8×9"),
    ("photo", url(png(np.dstack([np.eye(8), np.eye(8), np.ones((8, 8))]))), "must be grey"),
    ("photo", url(png(np.full((8, 8, 4), 7))), "must hide nothing"),
    ("photo", [url(png(np.zeros((8, 8))))] * 2, "at most 1 files"),
    ("sound", url(wav(np.zeros(30), rate=44100)), "must have 8000 samples a second, got 44100. Resample it."),
    ("sound", url(wav(np.zeros(40))), "must have exactly 30 samples, got 40"),
    ("sound", url(wav([])), "must hold samples, got none"),
    ("sound", url(b"fLaC" + bytes(40)), "must be a WAV"),
    ("sound", url(b"RIFF" + bytes(40)), "must be"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "said", "words"), GIVEN)
def test_errors_of_files_name_the_condition_and_the_fix(given, name, said, words):
    status, field, message = refused(given, "images/generations", model=name, given={"given": said})
    assert status == 400
    assert field.startswith("given.given")
    assert words in message


def test_a_file_is_none_where_it_cannot_be(given):
    found = refused(given, "expect", model="photo", of="mean(x)", n=20, given={"given": url(png(np.zeros((8, 8))))})
    assert found[:2] == (400, "given.given")


# --- forms --------------------------------------------------------------------------------------------------------


def form(*parts):
    """The bytes of a form of names, contents and names of files."""
    lines = []
    for name, content, *file in parts:
        said = f'; filename="{file[0]}"' if file else ""
        lines += [b"--b\r\n", f'Content-Disposition: form-data; name="{name}"{said}\r\n\r\n'.encode(),
                  content if isinstance(content, bytes) else content.encode(), b"\r\n"]  # fmt: skip
    return b"".join([*lines, b"--b--\r\n"])


IMAGE, MASK = ("image", png(WHOLE), "a.png"), ("mask", png(HOLE), "b.png")
MODEL = ("model", "mixture")
COLORS, GLASS = np.stack([WHOLE, WHOLE, 255 - WHOLE], -1), np.stack([WHOLE] * 3 + [255 - WHOLE], -1)
REFUSED = [
    ([IMAGE, MASK], "model", "model must be named"),
    ([MODEL, MASK], "image", "must be a picture, got none"),
    ([MODEL, IMAGE], "image", "got no transparent pixel"),
    ([MODEL, IMAGE, ("mask", png(WHOLE), "b.png")], "mask", "got no transparent pixel"),
    ([MODEL, ("image", png(WHOLE[:7]), "a.png"), MASK], "image", "must be 8×8 pixels, as the run's are, got 8×7"),
    ([MODEL, IMAGE, ("mask", png(HOLE[:7]), "b.png")], "mask", "got 8×7"),
    ([MODEL, ("image", png(COLORS), "a.png"), MASK], "image", "must be grey"),
    ([MODEL, ("image", png(GLASS), "a.png"), MASK], "image", "must hide nothing"),
    ([MODEL, ("image", b"GIF89a", "a.png"), MASK], "image", "must be a whole PNG"),
    ([MODEL, IMAGE, IMAGE, MASK], "image", "got several"),
    ([MODEL, ("image", "words"), MASK], "image", "must be a file"),
    ([MODEL, ("photo", png(WHOLE), "a.png")], "photo", "Files are image and mask"),
    ([MODEL, MODEL, IMAGE, MASK], "model", "must be said once"),
    ([MODEL, IMAGE, MASK, *[("given[label]", "3")] * 2], "given", "must be said once"),
    ([MODEL, IMAGE, MASK, ("n", "many")], "n", "valid integer"),
    ([MODEL, IMAGE, MASK, ("nois", "0.1")], "nois", "Did you mean 'noise'?"),
    ([MODEL, IMAGE, MASK, ("noise", "loud")], "noise", "A channel must be"),
    ([MODEL, IMAGE, MASK, ("noise", "-1")], "noise", "must be positive"),
    ([MODEL, IMAGE, MASK, ("method", "dps")], "method", "dps cannot: the model has no denoiser"),
    ([MODEL, IMAGE, MASK, ("options[steps]", "3")], "options", "has no option steps"),
    ([MODEL, IMAGE, MASK, ("method", "importance"), ("options[draws]", "1e9")], "options", "Take fewer draws."),
    ([MODEL, IMAGE, MASK, ("given[label]", "3")], "given", "unconditional"),
    ([MODEL, IMAGE, MASK, ("given", "3")], "given", "valid dictionary"),
    ([MODEL, IMAGE, MASK, ("prompt", "3")], "prompt", "Leave prompt out"),
    ([MODEL, IMAGE, MASK, ("size", "9x9")], "size", "must be 8x8"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "field", "words"), REFUSED)
def test_errors_of_forms_name_the_field_and_the_fix(server, parts, field, words):
    kind = {"Content_Type": "multipart/form-data; boundary=b"}
    status, _, answer = call(server, "/v1/images/edits", form(*parts), **kind)
    error = answer["error"]
    assert (status, error["param"]) == (404 if "There is no model" in words else 400, field), error
    assert words in error["message"]


def test_what_is_no_form_is_refused(server):
    for body, kind in ((json.dumps({"model": "mixture"}).encode(), "application/json"),
                       (b"--a\r\nno", "multipart/form-data; boundary=b"),
                       (b"", "multipart/form-data")):  # fmt: skip
        status, _, answer = call(server, "/v1/images/edits", body, Content_Type=kind)
        assert status == 400, answer
        assert answer["error"]["message"]
