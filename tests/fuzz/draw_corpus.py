"""Draws the seeds that fuzzing starts from: `python -m tests.fuzz.draw_corpus` writes `corpus/` anew.

They are drawn, never taken from a person's scan, and small, since a change of one byte in a small file hits something.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image, PngImagePlugin

from neurobatch.phantoms import draw_head
from tests.drawn_dicom import IMPLICIT, coded, draw_dicom, enhanced_groups
from tests.drawn_nifti import draw_head_volume, draw_nifti
from tests.fuzz import bombs

CORPUS = Path(__file__).parent / "corpus"
_SIDE = 48


def _encoded(picture: Image.Image, name: str, **options: object) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, name, **options)
    return encoded.getvalue()


def _png_with_texts(picture: Image.Image) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "drawn", zip=True)
    info.add_itxt("Comment", "gezeichnet", zip=True)
    return _encoded(picture, "PNG", pnginfo=info, dpi=(72, 72))


def _zip(members: dict[str, bytes], method: int) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return packed.getvalue()


def _form(*parts: tuple[str, bytes]) -> bytes:
    body = b"".join(
        b"--B\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + data + b"\r\n"
        for head, data in parts
    )
    return body + b"--B--\r\n"


def seeds() -> dict[str, bytes]:
    """By file name."""
    head = Image.fromarray(draw_head(3, side_px=_SIDE, mass=True))
    deep = Image.fromarray(np.asarray(head).astype(np.uint16) * 257)
    colour = head.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    drawn = {
        "grey.png": _encoded(head, "PNG"),
        "deep.png": _encoded(deep, "PNG"),
        "palette.png": _encoded(head.convert("P"), "PNG", transparency=0),
        "transparent.png": _encoded(colour.convert("RGBA"), "PNG"),
        "texts.png": _png_with_texts(head),
        "frames.png": _encoded(head, "PNG", save_all=True, append_images=[head.rotate(90)], duration=10),
        "grey.jpg": _encoded(head, "JPEG"),
        "progressive.jpg": _encoded(colour, "JPEG", progressive=True, quality=70, exif=exif),
        "cmyk.jpg": _encoded(colour.convert("CMYK"), "JPEG", quality=60),
        "plain.tif": _encoded(head, "TIFF"),
        "deep.tif": _encoded(deep, "TIFF", compression="tiff_adobe_deflate"),
        "float.tif": _encoded(Image.fromarray(np.asarray(head, np.float32)), "TIFF", compression="tiff_lzw"),
        "jpeg.tif": _encoded(colour, "TIFF", compression="jpeg"),
        "fax.tif": _encoded(head.convert("1"), "TIFF", compression="group4"),
        "pages.tif": _encoded(head, "TIFF", save_all=True, append_images=[head, deep], compression="packbits"),
        "big.tif": _encoded(head, "TIFF", big_tiff=True),
        "cycle.tif": bombs.tiff_cycle(large=False),
        "grey.bmp": _encoded(head, "BMP"),
        "runs.bmp": bombs.bmp_runs(large=False)[: 54 + 1024 + 200],
        "plain.dcm": draw_dicom(np.asarray(deep), WindowCenter="30000", WindowWidth="60000"),
        "implicit.dcm": draw_dicom(np.asarray(head), syntax=IMPLICIT, **enhanced_groups([(100, 200)], slope=1.5)),
        "lossless.dcm": coded(draw_dicom(np.asarray(deep)), "jpeg lossless"),
        "frames.dcm": coded(draw_dicom(np.stack([np.asarray(head)] * 3)), "jpeg 2000"),
        "volume.nii": draw_nifti(draw_head_volume(3)[::2, ::2, 1:]),
        "packed.nii.gz": gzip.compress(draw_nifti(draw_head_volume(3)[::2, ::2, 1:], kind=nib.Nifti2Image), mtime=0),
        "runs.dcm": coded(draw_dicom(np.asarray(head)), "run lengths"),
    }
    some = {name: drawn[name] for name in ("grey.png", "grey.jpg", "pages.tif")}
    drawn["deflated.zip"] = _zip(some, zipfile.ZIP_DEFLATED)
    return drawn | {
        "stored.zip": _zip({f"folder/{name}": data for name, data in some.items()}, zipfile.ZIP_STORED),
        "files.form": _form(*((f'name="files"; filename="{name}"', data) for name, data in some.items())),
        "fields.form": _form(
            ('name="name"', b"trial"),
            ('name="metadata"', b'{"site": 3, "list": [1.5, null, "x"]}'),
            ("name=\"files\"; filename*=UTF-8''%C3%A9.png", drawn["grey.png"]),
            ('name="files"; filename="a.zip"', drawn["deflated.zip"]),
        ),
    }


def main() -> None:
    """Write the folder."""
    CORPUS.mkdir(exist_ok=True)
    for name, data in seeds().items():
        (CORPUS / name).write_bytes(data)


if __name__ == "__main__":
    main()
