"""A picture from a file, made small enough for a model to look at."""

from __future__ import annotations

import errno
import math
import os
import stat
import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ..core.errors import UsageError
from ..core.functions.arguments import FunctionArg
from ..core.functions.kinds import CodeFunction
from ..core.messages import ImageResult
from ..runtime.context import RunContext
from .bounds import Root, Spot, folder_of

if TYPE_CHECKING:
    from PIL.Image import Image

# What a model is shown: more costs tokens and is scaled down at the provider's anyway.
MAX_BYTES = 512 * 1024
MAX_PIXELS = 2_000_000
MAX_SIDE = 2_000
# What is opened at all. 64 million pixels take 256 MB of memory, once.
MAX_FILE_BYTES = 50_000_000
MAX_SOURCE_PIXELS = 64_000_000
# Lossy pictures are tried at these, best first, before the picture itself is made smaller.
QUALITIES = (88, 75, 60)
SHRINK = 0.8

# Decoders that are let near a file, and what passes through as it is.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MEDIA_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
# What decoders raise at bytes that make no sense to them.
_DAMAGE = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    ArithmeticError,
    LookupError,
    MemoryError,
    UserWarning,
    struct.error,
)
# Where EXIF says which way is up.
_ORIENTATION = 0x0112

_DESC = (
    "Look at a picture in a file: PNG, JPEG, WebP, or a GIF or BMP that stands still. A large "
    f"one is scaled down to {MAX_SIDE:,} pixels a side; to see its details, crop the part "
    "into a file of its own and look at that."
)


class ImageError(UsageError, ValueError):
    """A file that is no picture, or none that can be shown."""


class ViewImage(CodeFunction):
    """A view of pictures as a Function. It gives an `ImageResult`.

    With `root`, no path leads out of that folder: not `..`, a link, or an absolute path.

    Example:
        >>> ViewImage(root=".").name
        'view_image'
    """

    def __init__(
        self, name: str = "view_image", *, root: str | os.PathLike[str] | None = None
    ) -> None:
        self.root = folder_of(name, root)
        below = "" if root is None else " Paths are below one folder and may be relative to it."
        super().__init__(
            name=name,
            desc=_DESC + below,
            args=[FunctionArg("path", str, "The picture's file.")],
            callable=self.call,
            effect="files",
        )

    def call(self, ctx: RunContext, *, path: str) -> ImageResult:
        """Give the picture, as it is where it is small enough, else scaled down.

        Raises:
            ImageError: The file is no picture that can be shown.
            OSError: The system refused; its type is kept.
        """
        root = Root(self.root, ImageError)
        with root.spot(root.place(path)) as spot:
            data = _read(spot, path)
        ctx.check()
        return shown_image(data, path)


def _read(spot: Spot, path: str) -> bytes:
    # Looked at first, too: to open a device may already do something.
    _check_plain(spot.status(), path)
    # Without O_NONBLOCK a pipe that nobody writes to would hold this thread for ever.
    with os.fdopen(spot.open(os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        _check_plain(os.fstat(file.fileno()), path)
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:  # it grew meanwhile
        raise _too_large(path, len(data))
    return data


def _check_plain(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "It is a folder, not a file", path)
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"{path[:200]!r} is no plain file, so it holds no picture.")
    if status.st_size > MAX_FILE_BYTES:
        raise _too_large(path, status.st_size)


def _too_large(path: str, size_bytes: int) -> ImageError:
    return ImageError(
        f"{path[:200]!r} has {size_bytes:,} bytes; pictures of up to {MAX_FILE_BYTES:,} are opened."
    )


def shown_image(data: bytes, path: str) -> ImageResult:
    """Give a picture's bytes as a model may be shown them. `path` is for messages."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ImageError(
            'Pictures need Pillow, which is not installed: pip install "netflux_nb[images]"'
        ) from None
    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            _check(picture, path)
            kind = "JPEG" if picture.format == "MPO" else str(picture.format)
            if _may_pass(picture, kind, len(data)):
                picture.load()  # a file that is cut off says so only now
                return ImageResult(MEDIA_TYPES[kind], data, *picture.size)
            return _encoded(_upright(picture), is_photo=kind == "JPEG")
    except ImageError:
        raise
    except bombs:
        raise ImageError(_too_many(path)) from None
    except UnidentifiedImageError:
        raise ImageError(_no_picture(data, path)) from None
    except _DAMAGE as error:
        raise ImageError(
            f"{path[:200]!r} is damaged and cannot be shown: {str(error)[:120]}."
        ) from None


def _check(picture: Image, path: str) -> None:
    """Refuse by what the header says, before anything is decoded."""
    width, height = picture.size
    if width * height > MAX_SOURCE_PIXELS:
        raise ImageError(f"{_too_many(path)} It has {width:,} x {height:,}.")
    # A camera's second picture, in its JPEG, is a preview; the first is the one meant.
    if picture.format != "MPO" and getattr(picture, "is_animated", False):
        raise ImageError(
            f"{path[:200]!r} is animated; only still pictures are shown. Save the frame that "
            f"matters as a PNG."
        )


def _too_many(path: str) -> str:
    return f"{path[:200]!r} has too many pixels: up to {MAX_SOURCE_PIXELS:,} are decoded."


def _no_picture(data: bytes, path: str) -> str:
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return f"{path[:200]!r} is an SVG, which is a drawing in text. Read it, or save it as PNG."
    if start[:4] in (b"ii*\0", b"mm\0*", b"ii+\0", b"mm\0+"):
        return f"{path[:200]!r} is a TIFF, which may hold many pages. Save the page as a PNG."
    return f"{path[:200]!r} is no picture that can be shown. Those are: {', '.join(FORMATS)}."


def _may_pass(picture: Image, kind: str, size_bytes: int) -> bool:
    width, height = picture.size
    return (
        kind in MEDIA_TYPES
        and picture.format == kind
        and picture.mode != "CMYK"
        and size_bytes <= MAX_BYTES
        and max(width, height) <= MAX_SIDE
        and width * height <= MAX_PIXELS
        and picture.getexif().get(_ORIENTATION, 1) == 1
        and not _is_foreign(picture.info.get("icc_profile"))
    )


def _is_foreign(icc: bytes | None) -> bool:
    """Say whether a colour profile is another one than sRGB, or cannot be read."""
    if not icc:
        return False
    from PIL import ImageCms

    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(icc)))
    except (ImageCms.PyCMSError, OSError):
        return True
    return "srgb" not in name.lower()


def _upright(picture: Image) -> Image:
    """Give it within the caps, the right way up, in plain sRGB, and nothing beside."""
    from PIL import ImageOps

    icc = picture.info.get("icc_profile")
    plain = picture if picture.format in ("JPEG", "MPO") else _in_mode(picture)
    # Of a JPEG only as much is decoded as the small one needs.
    plain.thumbnail(_within(*picture.size))
    plain = _in_srgb(_in_mode(plain), icc)
    plain = ImageOps.exif_transpose(plain)
    plain.info.clear()
    return plain


def _in_mode(picture: Image) -> Image:
    if picture.mode in ("RGB", "RGBA", "L", "CMYK") and "transparency" not in picture.info:
        return picture
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if picture.mode.startswith("I"):
        # Pillow would cut 16 bits off at 255 instead of scaling them.
        return picture.point(lambda shade: shade * (1 / 256)).convert("L")
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert("RGB")


def _in_srgb(picture: Image, icc: bytes | None) -> Image:
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if _is_foreign(icc):
        from PIL import ImageCms

        try:
            source = ImageCms.ImageCmsProfile(BytesIO(icc or b""))
            changed = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode=mode
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            changed = None  # a profile that is damaged, or for other colours than these
        if changed is not None:
            return changed
    return picture if picture.mode == "L" else picture.convert(mode)


def _within(width: int, height: int) -> tuple[int, int]:
    scale = min(1.0, MAX_SIDE / max(width, height), math.sqrt(MAX_PIXELS / (width * height)))
    return max(1, int(width * scale)), max(1, int(height * scale))


def _encoded(picture: Image, *, is_photo: bool) -> ImageResult:
    """Give it as PNG where that fits, else with some loss, else smaller."""
    has_alpha = picture.mode == "RGBA"
    lossy = "WEBP" if has_alpha else "JPEG"
    tries: list[tuple[str, dict[str, Any]]] = [(lossy, {"quality": q}) for q in QUALITIES]
    if not is_photo:
        tries.insert(0, ("PNG", {"optimize": True}))
    while True:
        for kind, options in tries:
            out = BytesIO()
            picture.save(out, kind, icc_profile=None, **options)
            if out.tell() <= MAX_BYTES:
                return ImageResult(MEDIA_TYPES[kind], out.getvalue(), *picture.size)
        width, height = picture.size
        picture = picture.resize((max(1, int(width * SHRINK)), max(1, int(height * SHRINK))))


view_image = ViewImage()

__all__ = ["ImageError", "ViewImage", "view_image"]
