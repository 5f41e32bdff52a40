"""Covers: pictures that players show are taken byte for byte, and everything else is refused."""

import io
import os
import random

import pytest
from PIL import Image

from tts_tasks.errors import CoverError
from tts_tasks.mastering.cover import MAX_BYTES, read_cover


def picture(mode="RGB", size=(120, 90)):
    """Return a picture with something in it."""
    return Image.effect_noise(size, 60).convert(mode)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


JPEG = saved(picture(), "JPEG")
PNG = saved(picture(), "PNG")


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a file and returns its path."""

    def written(content, name="capa.jpg"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return written


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(JPEG, id="jpeg"),
        pytest.param(saved(picture(), "JPEG", progressive=True), id="progressive jpeg"),
        pytest.param(saved(picture("L"), "JPEG"), id="grey jpeg"),
        pytest.param(PNG, id="png"),
        pytest.param(saved(picture("RGBA"), "PNG"), id="transparent png"),
        pytest.param(saved(picture("P"), "PNG"), id="palette png"),
        pytest.param(saved(picture("1"), "PNG"), id="black and white png"),
        pytest.param(
            saved(picture(), "MPO", save_all=True, append_images=[picture()]), id="phone's jpeg"
        ),
        pytest.param(JPEG + b"what a camera leaves behind", id="jpeg with more behind it"),
    ],
)
def test_a_good_picture_is_returned_byte_for_byte(content, write):
    assert read_cover(write(content)) == content


def test_what_a_file_is_decides_and_not_its_name(write):
    assert read_cover(write(PNG, "capa.jpg")) == PNG
    assert read_cover(write(JPEG, "capa")) == JPEG


REFUSED = {
    "text": (b"Capa do curso\n", "no picture", "save it as JPEG or PNG"),
    "page": (b"<!DOCTYPE html>", "web page", "save it as JPEG or PNG"),
    "empty": (b"", "is empty", "save it as JPEG or PNG"),
    "gif": (saved(picture("P"), "GIF"), "is a GIF", "save it as JPEG or PNG"),
    "webp": (saved(picture(), "WEBP"), "is a WebP", "save it as JPEG or PNG"),
    "bmp": (saved(picture(), "BMP"), "is a BMP", "save it as JPEG or PNG"),
    "tiff": (saved(picture(), "TIFF"), "is a TIFF", "save it as JPEG or PNG"),
    "cmyk": (saved(picture("CMYK"), "JPEG"), "CMYK", "RGB"),
    "16 bits": (saved(picture("L").convert("I;16"), "PNG"), "I;16", "8 bits"),
    "too many bytes": (JPEG + bytes(MAX_BYTES), "larger than 10 MB", "smaller"),
    "too many pixels": (saved(Image.new("1", (20_000, 5_001)), "PNG"), "20000 x 5001", "smaller"),
    "bomb": (saved(Image.new("1", (30_000, 30_000)), "PNG"), "30000 x 30000", "smaller"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_player_shows_is_refused(case, write):
    content, problem, remedy = REFUSED[case]
    path = write(content)
    with pytest.raises(CoverError) as refused:
        read_cover(path)
    error = refused.value
    assert problem in error.message
    assert str(path) in error.message
    assert remedy in error.remedy
    assert (error.field, error.code) == ("cover", "invalid_cover")


@pytest.mark.parametrize("content", [JPEG, PNG], ids=["jpeg", "png"])
def test_a_truncated_picture_is_refused_wherever_it_is_cut(content, write):
    for cut in (3, 8, 20, 300, len(content) // 2, len(content) - 200):
        with pytest.raises(CoverError):
            read_cover(write(content[:cut]))


@pytest.mark.parametrize("content", [JPEG, PNG], ids=["jpeg", "png"])
def test_a_garbled_picture_is_either_decoded_or_refused(content, write):
    rng = random.Random(7)
    refused = 0
    for _ in range(300):
        garbled = bytearray(content)
        for _ in range(3):
            garbled[rng.randrange(3, 600)] = rng.randrange(256)
        try:
            read_cover(write(bytes(garbled)))
        except CoverError:
            refused += 1
    assert refused > 30


def test_a_path_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, problem in (
        (tmp_path / "nada.jpg", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe.jpg", "no ordinary file"),
    ):
        with pytest.raises(CoverError, match=problem):
            read_cover(path)
