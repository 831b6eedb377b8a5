"""Tells a CT of the head from an MRI by the skull: in CT bone is the brightest thing, in MRI it gives hardly a signal.

CT shows a white ring right around a grey brain. What is as bright in MRI is fat of the scalp, and the dark skull lies
between it and the brain; or it is fluid beneath the skull, and then the scalp around the skull is bright as well. This
is physics and fitted to nothing, but for the share of directions that decides. CT without a brain in a ring of bone
(the face, the neck, the top of the skull) is left to the gate.
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Head: TypeAlias = tuple[float, float, npt.NDArray[np.float64]]

_DIRECTIONS = 48
_SAMPLES = 64  # along each, from just outside the head to its middle
_BEGINS_AT = 1.05  # of the distance from the middle to the head's edge
_ANGLES = 2 * np.pi * np.arange(_DIRECTIONS)[:, None] / _DIRECTIONS
_PLACES = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]) * np.linspace(1, 0, _SAMPLES)  # (2, directions, samples)
_RIM = 20  # samples in which the ring is looked for: the outer third
_BEHIND = 14  # samples behind the ring in which MRI would show a dark skull
_INSIDE = 26  # the sample from which on there is brain alone
_LIT = 0.10  # of white; darker is ground
_LEAST_AREA = 0.01  # of the picture
_WHITE = 0.95
_DARK_BEHIND = 0.75  # of the brain's grey
_BRIGHTEST_BRAIN = 0.8
_GAP, _SCALP = 0.35, 0.5  # what is brighter than the one, outside of what is darker than the other, is a scalp in MRI
# Of figshare and Br35H no MRI had more than 0.25 and no CT less than 0.58.
_MOST_BONE = 0.45


def looks_like_ct(pixels: Floats) -> bool:
    """Whether a head has more bone around its brain than MRI shows; `pixels` as of `bone_around_brain`."""
    head = _head(pixels)
    # Bone is white, and few heads of MRI have so much white around them: of the others the rest need not be looked at.
    if head is None or _white(_rays(pixels, head, samples=_RIM)).mean() <= _MOST_BONE:
        return False
    return _bone(_rays(pixels, head)) > _MOST_BONE


def bone_around_brain(pixels: Floats) -> float:
    """In what share of all directions, 0 to 1, a head has bone as CT shows it around its brain.

    `pixels`: float32 (S, S) in [0, 1], the head cut out and stretched by `worker.inference.preprocess`.
    """
    head = _head(pixels)
    return 0.0 if head is None else _bone(_rays(pixels, head))


def _white(rays: Floats) -> npt.NDArray[np.bool_]:
    return np.asarray(rays[:, :_RIM].max(axis=1) >= _WHITE)


def _bone(rays: Floats) -> float:
    brain = float(np.median(rays[::2, _INSIDE:]))
    if brain >= _BRIGHTEST_BRAIN:
        return 0.0
    rim, near = rays[:, :_RIM], rays[:, : _RIM + _BEHIND]
    samples = np.arange(near.shape[1], dtype=np.int8)
    ring = rim.argmax(axis=1).astype(np.int8)[:, None]
    outside = samples[:_RIM] < ring
    gap = np.where(outside & (rim < _GAP), samples[:_RIM], np.int8(-1)).max(axis=1)[:, None]
    scalp = np.where(samples[:_RIM] < gap, rim, 0).max(axis=1)
    behind = (samples >= ring) & (samples < ring + _BEHIND)
    skull = np.where(behind, near, np.float32(1)).min(axis=1)
    is_bone = _white(rays) & (skull > _DARK_BEHIND * brain) & (scalp < _SCALP)
    return float(is_bone.mean())


def _head(pixels: Floats) -> Head | None:
    """Where a head's middle is, in pixels, and how far its edge is in each direction; None where there is no head."""
    side = len(pixels) // 2  # its outline is as good in a smaller picture
    smaller = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    lit = cv2.morphologyEx((smaller > _LIT).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outlines, _ = cv2.findContours(lit, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not outlines:
        return None
    hull = cv2.convexHull(max(outlines, key=cv2.contourArea))
    moments = cv2.moments(hull)
    if moments["m00"] < _LEAST_AREA * smaller.size:
        return None
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    # From the centres of the smaller picture's pixels to those of this one's.
    return 2 * x + 0.5, 2 * y + 0.5, 2 * _edge(hull, (x, y), side=side)


def _rays(pixels: Floats, head: Head, *, samples: int = _SAMPLES) -> Floats:
    """Greys (directions, samples) from the head's outside to its middle, or as many of them."""
    x, y, edge = head
    across, down = _PLACES[:, :, :samples] * (_BEGINS_AT * edge[:, None])
    places = (x + across).astype(np.float32), (y + down).astype(np.float32)
    return np.asarray(cv2.remap(pixels, *places, cv2.INTER_LINEAR), np.float32)


def _edge(hull: cv2.typing.MatLike, middle: tuple[float, float], *, side: int) -> npt.NDArray[np.float64]:
    """How far from `middle` the hull ends in each direction, in pixels, (directions,)."""
    filled = np.zeros((side, side), np.float32)
    cv2.fillConvexPoly(filled, hull, 1)
    flags = cv2.WARP_POLAR_LINEAR | cv2.WARP_FILL_OUTLIERS
    around = cv2.warpPolar(filled, (side, _DIRECTIONS), middle, side, flags)
    return np.asarray((around > 0.5).sum(axis=1), np.float64)
