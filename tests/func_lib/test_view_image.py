"""A picture is shown as it is, or made fit to be shown, or refused with a reason."""

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms

from netflux_nb import ArgumentError, Runtime, agent
from netflux_nb.core.messages import ImageResult
from netflux_nb.func_lib.view_image import (
    MAX_BYTES,
    MAX_FILE_BYTES,
    MAX_PIXELS,
    MAX_SIDE,
    ImageError,
    ViewImage,
    view_image,
)
from netflux_nb.testing import ScriptedModel, call

ORIENTATION = 0x0112


def noise(width, height):
    return Image.effect_noise((width, height), 90).convert("RGB")


def saved(place, picture, kind, **options):
    picture.save(place, kind, **options)
    return place


def look(path, fn=view_image):
    with Runtime([fn]) as runtime:
        return runtime.get_ctx().invoke(fn, {"path": str(path)}).result(timeout=60)


def opened(result):
    picture = Image.open(BytesIO(result.data))
    picture.load()
    assert picture.size == (result.width, result.height)
    assert f"image/{picture.format.lower()}" == result.media_type
    return picture


def fits(result):
    pixels = result.width * result.height
    return (
        len(result.data) <= MAX_BYTES
        and max(result.width, result.height) <= MAX_SIDE
        and pixels <= MAX_PIXELS
    )


def wide_profile():
    """A profile of a screen whose red and green are swapped: no converted pixel stays."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    places = {}
    for i in range(count):
        at = 132 + 12 * i
        places[bytes(data[at : at + 4])] = at
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    data[red + 4 : red + 12], data[green + 4 : green + 12] = (
        data[green + 4 : green + 12],
        data[red + 4 : red + 12],
    )
    return (
        bytes(data)
        .replace("sRGB".encode("utf-16-be"), "wide".encode("utf-16-be"))
        .replace(b"sRGB", b"wide")
    )


PLAIN = {
    "png": ("PNG", {}),
    "jpeg": ("JPEG", {}),
    "webp": ("WEBP", {}),
    "lossless": ("WEBP", {"lossless": True}),
}


@pytest.mark.parametrize(("kind", "options"), PLAIN.values(), ids=PLAIN)
def test_nu34_a_small_picture_is_shown_untouched(tmp_path, kind, options):
    place = saved(tmp_path / "a", noise(40, 30), kind, **options)

    result = look(place)

    assert result == ImageResult(f"image/{kind.lower()}", place.read_bytes(), 40, 30)


def test_nu34_the_result_is_frozen_and_says_what_it_is(tmp_path):
    result = look(saved(tmp_path / "a", noise(40, 30), "PNG"))

    with pytest.raises(AttributeError):
        result.width = 1
    assert str(result).startswith("[image/png, 40 x 30, ")


LARGE = {
    "a long side": ((2_001, 10), "PNG"),
    "many pixels": ((1_500, 1_400), "JPEG"),
    "many bytes": ((500, 500), "PNG"),
    "a very long side": ((30_000, 3), "PNG"),
    "all of it": ((3_000, 2_000), "JPEG"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("size", "kind"), LARGE.values(), ids=LARGE)
def test_nu34_a_large_picture_is_made_smaller(tmp_path, size, kind):
    result = look(saved(tmp_path / "a", noise(*size), kind))

    assert fits(result)
    picture = opened(result)
    if min(size) > 10:
        assert picture.width / picture.height == pytest.approx(size[0] / size[1], rel=0.02)


@pytest.mark.slow
def test_nu34_what_is_clear_stays_clear(tmp_path):
    picture = noise(900, 900).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((900, 900)))

    result = look(saved(tmp_path / "a", picture, "PNG"))

    assert fits(result)
    alpha = opened(result).getchannel("A").getextrema()
    assert alpha[0] < 10
    assert alpha[1] > 245


def test_nu34_line_art_stays_exact(tmp_path):
    picture = Image.new("P", (2_400, 40))
    picture.putpalette([0, 0, 0, 250, 10, 20])
    picture.paste(1, (0, 0, 1_200, 40))

    result = look(saved(tmp_path / "a", picture, "PNG"))

    assert result.media_type == "image/png"
    assert opened(result).getpixel((10, 10)) == (250, 10, 20)


MODES = {"bits": "1", "grey": "L", "grey, clear": "LA", "palette": "P", "deep grey": "I;16"}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES)
def test_nu34_any_kind_of_pixels_is_scaled_down(tmp_path, mode):
    picture = noise(2_200, 12).convert("L").convert(mode)

    result = look(saved(tmp_path / "a.png", picture, "PNG"))

    assert result.width <= MAX_SIDE
    opened(result)


def test_nu34_deep_grey_keeps_its_shades(tmp_path):
    picture = Image.new("I;16", (2_200, 8), 0x8000)

    result = look(saved(tmp_path / "a.png", picture, "PNG"))

    assert 120 <= opened(result).convert("L").getpixel((5, 3)) <= 136


STILL = {"gif": "GIF", "bmp": "BMP"}


@pytest.mark.parametrize("kind", STILL.values(), ids=STILL)
def test_nu34_a_still_picture_of_an_older_kind_becomes_a_png(tmp_path, kind):
    result = look(saved(tmp_path / "a", noise(30, 20), kind))

    assert result.media_type == "image/png"
    assert opened(result).size == (30, 20)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_nu34_colours_of_another_profile_become_srgb(tmp_path, kind):
    picture = Image.new("RGB", (20, 20), (250, 0, 0))
    place = saved(tmp_path / "a", picture, kind, icc_profile=wide_profile())

    shown = opened(look(place))

    assert "icc_profile" not in shown.info
    red, green, _ = shown.convert("RGB").getpixel((10, 10))
    assert green > 200 > 60 > red


def test_nu34_srgb_that_says_so_passes_untouched(tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    place = saved(tmp_path / "a", noise(20, 20), "PNG", icc_profile=icc)

    assert look(place).data == place.read_bytes()


def test_nu34_a_profile_that_makes_no_sense_is_dropped(tmp_path):
    place = saved(tmp_path / "a", Image.new("RGB", (20, 20), "red"), "PNG", icc_profile=b"x" * 200)

    shown = opened(look(place))

    assert "icc_profile" not in shown.info
    assert shown.getpixel((3, 3)) == (255, 0, 0)


def test_nu34_a_profile_of_other_pixels_is_dropped(tmp_path):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    place = saved(tmp_path / "a", Image.new("RGB", (20, 20), "red"), "PNG", icc_profile=icc)

    assert "icc_profile" not in opened(look(place)).info


def test_nu34_colours_of_print_become_colours_of_light(tmp_path):
    place = saved(tmp_path / "a", Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG")

    shown = opened(look(place))

    assert shown.mode == "RGB"
    assert shown.getpixel((5, 5))[0] > 200


@pytest.mark.parametrize("width", [40, 2_400])
def test_nu34_a_picture_that_lies_on_its_side_is_set_upright(tmp_path, width):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010F] = "a camera's maker"
    place = saved(tmp_path / "a", Image.new("RGB", (width, 20)), "JPEG", exif=exif)

    result = look(place)

    assert result.height > result.width
    assert b"maker" not in result.data


def test_nu34_the_second_picture_of_a_camera_does_not_matter(tmp_path):
    first = Image.new("RGB", (40, 30), "red")
    place = saved(tmp_path / "a", first, "MPO", save_all=True, append_images=[first.resize((8, 6))])

    result = look(place)

    assert result.media_type == "image/jpeg"
    assert opened(result).size == (40, 30)


MOVING = {"gif": "GIF", "apng": "PNG", "webp": "WEBP"}


@pytest.mark.parametrize("kind", MOVING.values(), ids=MOVING)
def test_nu34_what_moves_is_refused(tmp_path, kind):
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue")]
    place = saved(tmp_path / "a", frames[0], kind, save_all=True, append_images=frames[1:])

    with pytest.raises(ImageError, match="is animated; only still pictures"):
        look(place)


@pytest.mark.parametrize("pages", [1, 2])
def test_nu34_a_tiff_is_refused(tmp_path, pages):
    page = Image.new("RGB", (20, 20))
    place = saved(tmp_path / "a", page, "TIFF", save_all=True, append_images=[page] * (pages - 1))

    with pytest.raises(ImageError, match="is a TIFF"):
        look(place)


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
NO_PICTURE = {
    "svg": (SVG.encode(), "is an SVG"),
    "svg with a head": (f'\ufeff<?xml version="1.0"?>\n<!-- x -->{SVG}'.encode(), "is an SVG"),
    "nothing": (b"", "no picture that can be shown. Those are: PNG"),
    "text": (b"hello", "no picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    "a mere start": (b"\x89PNG\r\n\x1a\n", "no picture|damaged"),
}


@pytest.mark.parametrize(("data", "why"), NO_PICTURE.values(), ids=NO_PICTURE)
def test_nu34_what_is_no_picture_is_refused(tmp_path, data, why):
    place = tmp_path / "a.png"
    place.write_bytes(data)

    with pytest.raises(ImageError, match=why):
        look(place)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_nu34_a_picture_that_is_cut_off_is_refused(tmp_path, kind, share):
    place = saved(tmp_path / "a", noise(80, 60), kind)
    data = place.read_bytes()
    place.write_bytes(data[: int(len(data) * share)])

    with pytest.raises(ImageError, match=r"damaged|no picture"):
        look(place)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(width, height):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1_000_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


BOMBS = {
    "over ours": (10_000, 8_000),
    "over Pillow's warning": (10_000, 10_000),
    "over Pillow's error": (60_000, 60_000),
    "far over": (2**31 - 1, 2**31 - 1),
}


@pytest.mark.parametrize("size", BOMBS.values(), ids=BOMBS)
def test_nu34_a_bomb_is_refused_by_its_header(tmp_path, size):
    place = tmp_path / "a.png"
    place.write_bytes(bomb(*size))

    with pytest.raises(ImageError, match="has too many pixels: up to 64,000,000"):
        look(place)


def test_nu34_a_bomb_in_a_note_is_refused(tmp_path):
    place = saved(tmp_path / "a.png", noise(8, 8), "PNG")
    data = place.read_bytes()
    note = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000), 9))
    place.write_bytes(data[:33] + note + data[33:])

    with pytest.raises(ImageError, match=r"damaged|no picture"):
        look(place)


def test_nu34_a_huge_file_is_not_read(tmp_path):
    place = tmp_path / "a.png"
    with place.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)

    with pytest.raises(ImageError, match="50,000,001 bytes; pictures of up to 50,000,000"):
        look(place)


def test_nu34_a_device_a_pipe_and_a_folder_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ImageError, match="no plain file"):
        look(tmp_path / "pipe")
    with pytest.raises(ImageError, match="no plain file"):
        look("/dev/zero")
    with pytest.raises(IsADirectoryError):
        look(tmp_path)


def test_nu34_a_file_that_is_not_there_keeps_its_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        look(tmp_path / "a.png")
    for path in ("", "a\0b"):
        with pytest.raises(ImageError, match="is no path"):
            look(path)


def test_nu34_no_path_leads_out_of_the_root(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    saved(tmp_path / "out.png", noise(8, 8), "PNG")
    saved(root / "in.png", noise(8, 8), "PNG")
    (root / "link.png").symlink_to(tmp_path / "out.png")
    fn = ViewImage(root=root)

    assert look("in.png", fn).width == 8
    assert look(root / "in.png", fn).width == 8
    for path in ("../out.png", tmp_path / "out.png", "link.png", "../root/../out.png"):
        with pytest.raises(ImageError, match="leads out of the folder"):
            look(path, fn)


def test_nu34_whatever_the_bytes_the_error_is_one_of_ours(tmp_path, chance):
    seeds = []
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        out = BytesIO()
        noise(20, 16).save(out, kind)
        seeds.append(out.getvalue())
    place = tmp_path / "a"
    with Runtime([view_image]) as runtime:
        for _ in range(60):
            data = bytearray(chance.choice(seeds))
            for _ in range(chance.choice([1, 3, 10])):
                data[chance.randrange(len(data))] = chance.randrange(256)
            place.write_bytes(data)
            node = runtime.get_ctx().invoke(view_image, {"path": str(place)})
            node.wait()
            assert node.exception is None or isinstance(node.exception, ImageError)


@pytest.mark.slow
def test_nu34_without_pillow_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from netflux_nb import Runtime\n"
        "from netflux_nb.func_lib.view_image import view_image\n"
        "with Runtime([view_image]) as runtime:\n"
        "    node = runtime.get_ctx().invoke(view_image, {'path': sys.argv[1]})\n"
        "    node.wait()\n"
        "    print(node.exception)\n"
    )
    place = saved(tmp_path / "a", noise(8, 8), "PNG")

    done = subprocess.run(
        [sys.executable, "-c", code, str(place)], capture_output=True, text=True, timeout=60
    )

    assert done.stdout.strip() == (
        'Pictures need Pillow, which is not installed: pip install "netflux_nb[images]"'
    )


def test_nu34_an_agent_may_look(tmp_path):
    place = saved(tmp_path / "a", noise(40, 30), "PNG")
    seer = agent("seer()", "Look.", uses=[view_image], model="scripted")
    script = ScriptedModel([call("view_image", path=str(place)), "seen"])

    with Runtime([seer], models={"scripted": script}) as runtime:
        node = runtime.get_ctx().invoke(seer, {})
        assert node.result(timeout=60) == "seen"

    assert node.children[0].outputs == ImageResult("image/png", place.read_bytes(), 40, 30)


def test_nu34_it_says_that_it_reads_files():
    assert view_image.effect == "files"
    with pytest.raises(ArgumentError):
        view_image.validate_coerce_args({})
