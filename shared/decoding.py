"""The process behind `shared.decoder`: takes open files from its parent and gives back pixels or a reason.

It is started as `python -m shared.decoding CHANNEL PIXELS MEMORY_BYTES`, the first two being inherited descriptors, and
ends when the channel does.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import resource
import socket
import sys
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from shared.decoder import ANSWER_BYTES, REQUEST_BYTES, picture_in
from shared.dicom_elements import is_dicom
from shared.errors import InvalidScan
from shared.images import read_image
from shared.nifti import HEADER_BYTES, is_nifti

# Loaded before memory is bounded, and before the first picture waits for them.
_PLUGINS = (BmpImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin)


def serve(channel: socket.socket, pixels: mmap.mmap) -> None:
    """Answer requests, in order, until the channel ends."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, REQUEST_BYTES, 1, socket.MSG_WAITALL)
        if not request:
            return
        with open(descriptors[0], "rb") as file:
            started = time.perf_counter()
            answer = _answer(file, json.loads(request), pixels)
            answer["ms"] = round(1000 * (time.perf_counter() - started), 3)
        channel.sendall(json.dumps(answer).encode().ljust(ANSWER_BYTES))


def _answer(file: IO[bytes], request: dict[str, Any], pixels: mmap.mmap) -> dict[str, Any]:
    _limit_processor_time(request["max_decode_s"])
    limits = {name: request[name] for name in ("max_pixels", "min_side_px", "max_aspect_ratio")}
    try:
        image = _read(file, frame=request["frame"], **limits)
    except InvalidScan as error:
        return {"code": error.code, "message": error.message}
    except MemoryError:
        return {"code": "decode_limit", "message": "the file needs more memory than max_decode_bytes"}
    # Alone with one file, whatever is raised is that file's doing: it must not cost others their turn.
    except Exception as error:  # noqa: BLE001
        return {"code": "decoder_crashed", "message": f"the file breaks the decoder ({type(error).__name__})"}
    picture_in(pixels, slot=request["slot"], max_pixels=request["max_pixels"], shape=image.shape)[:] = image
    return {"height": image.shape[0], "width": image.shape[1]}


def _read(file: IO[bytes], *, frame: int, **limits: int) -> npt.NDArray[np.uint8]:
    """One picture; of a file of many frames or slices only its own part is read."""
    file.seek(0)
    head = file.read(HEADER_BYTES)
    if is_dicom(head) or is_nifti(head):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return read_image(data, frame=frame, **limits)
    return read_image(head + file.read(), frame=frame, **limits)


def _limit_processor_time(seconds: int) -> None:
    """Allow that many more; SIGXCPU ends the process after them, even within C code."""
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, most))


def _limit_memory(more_bytes: int) -> None:
    """Allow that much beyond what is mapped now. Only Linux holds to it."""
    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    except OSError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (mapped + more_bytes, mapped + more_bytes))


def main() -> None:
    """Set the limits and serve."""
    channel_fd, pixels_fd, memory_bytes = (int(argument) for argument in sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # libtiff comments on damaged files there, in the midst of its parent's log.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    with socket.socket(fileno=channel_fd) as channel, mmap.mmap(pixels_fd, 0) as pixels:
        os.close(pixels_fd)
        _limit_memory(memory_bytes)
        serve(channel, pixels)


if __name__ == "__main__":
    main()
