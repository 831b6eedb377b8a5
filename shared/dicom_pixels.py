"""One frame of a DICOM file to grey. pydicom and GDCM decode it, so this runs in the limited process."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.dicom import Dicom
from shared.dicom_elements import RUN_LENGTHS, UNCOMPRESSED, Data, damaged
from shared.windowing import between_percentiles, within_window


def grey_frame(dicom: Dicom, data: Data, frame: int) -> npt.NDArray[np.uint8]:
    """Decode a frame to uint8 (height, width): rescaled, windowed, dark where there is least signal.

    Where the file states no usable window, and whatever its depth, it is `between_percentiles`: so one slice is the
    same in 8 bits and in 16.
    """
    transform = dicom.transform(frame)
    values = _stored_values(dicom, data, frame).astype(np.float64)
    centre, width = transform.centre, transform.width
    with np.errstate(all="ignore"):  # a slope may be of any size
        values *= transform.slope
        values += transform.intercept
        if centre is None or width is None or width <= 0 or not np.isfinite(values).all():
            levels = between_percentiles(values)
        else:
            levels = within_window(values, centre=centre, width=width, function=transform.function)
    return 255 - levels if dicom.inverted else levels


def _stored_values(dicom: Dicom, data: Data, frame: int) -> npt.NDArray[np.integer[Any]]:
    coded = b"".join(data[at : at + size] for at, size in dicom.parts(frame))
    kind = f"<{'i' if dicom.signed else 'u'}{dicom.bits_allocated // 8}"
    if dicom.transfer_syntax in UNCOMPRESSED:
        values = np.frombuffer(coded, kind).reshape(dicom.rows, dicom.columns)
    else:
        values = _decoded(dicom, coded)
    if values.shape != (dicom.rows, dicom.columns):
        raise damaged("its pixels have another shape than it says")
    # What stands above the stored bits is no part of the picture: overlays were once kept there.
    unused = max(0, 8 * values.itemsize - dicom.bits_stored)
    if values.dtype.kind == "i":
        return (values << unused) >> unused
    return values & ((1 << dicom.bits_stored) - 1)


def _decoded(dicom: Dicom, coded: bytes) -> npt.NDArray[np.integer[Any]]:
    # Few processes ever meet a DICOM file, and these take 65 MiB of address space.
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    options: dict[str, Any] = {
        "rows": dicom.rows,
        "columns": dicom.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": dicom.bits_allocated,
        "bits_stored": dicom.bits_stored,
        "pixel_representation": int(dicom.signed),
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
        "decoding_plugin": "pydicom" if dicom.transfer_syntax == RUN_LENGTHS else "gdcm",
    }
    decoder = get_decoder(dicom.transfer_syntax)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            values, _ = decoder.as_array(encapsulate([coded], has_bot=False), index=0, raw=True, **options)
        except MemoryError:
            raise
        # pydicom raises what its plugins do, in any class.
        except Exception as error:
            raise damaged("its pixels cannot be decoded") from error
    return values
