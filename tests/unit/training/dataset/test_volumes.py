"""Slices of another hospital's volumes lie as the service cuts them, with the outline of the mask."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner

from neurobatch.commands.slices import slices as command
from shared.errors import InvalidScan
from training.dataset.entries import UnusableData
from training.dataset.slices import load_index, outline_in_image, read_picture
from training.dataset.volumes import find_cases, masked_slices
from worker.inference.preprocess import prepare

SHAPE = (60, 72, 40)
TUMOUR = (slice(20, 30), slice(40, 52))  # towards the right and the front
EDEMA, CORE = 2, 4


def write_case(folder: Path, *, flipped: bool = False, mask_shape: tuple[int, int, int] = SHAPE) -> None:
    """A dim ellipsoid with a bright tumour in slices 10 to 29, largest in 20; `flipped` stores it mirrored."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, size) for size in SHAPE), indexing="ij")
    image = np.where(x**2 + y**2 + z**2 < 0.9, 300, 0).astype(np.int16)
    mask = np.zeros(mask_shape, np.uint8)
    for number in range(10, 30):
        longer = 10 - abs(number - 20)
        mask[TUMOUR[0], TUMOUR[1].start : TUMOUR[1].start + max(6, longer), number] = CORE
    mask[33:40, 40:52, 5:35] = EDEMA
    image[mask[: SHAPE[0], : SHAPE[1], : SHAPE[2]] == CORE] = 1000
    affine = np.eye(4)
    if flipped:
        image, mask, affine = image[::-1], mask[::-1], np.diag([-1.0, 1, 1, 1])
    folder.mkdir(parents=True)
    for name, voxels in (("t1ce", image), ("seg", mask)):
        nib.save(nib.Nifti1Image(np.ascontiguousarray(voxels), affine), folder / f"{folder.name}_{name}.nii.gz")


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    write_case(tmp_path / "hospital" / "anna")
    write_case(tmp_path / "hospital" / "bert", flipped=True)
    return tmp_path / "hospital"


def test_the_largest_slices_come_first_and_apart(hospital: Path) -> None:
    for case in find_cases(hospital, image="t1ce", mask="seg"):
        found = masked_slices(case, values=[CORE], most=3, apart=5)
        assert found[0].number == 20
        numbers = [item.number for item in found]
        assert len(numbers) == 3
        assert min(abs(a - b) for a in numbers for b in numbers if a != b) >= 5


def test_outlines_lie_around_what_is_bright_however_the_volume_is_stored(hospital: Path) -> None:
    seen = []
    for case in find_cases(hospital, image="t1ce", mask="seg"):
        item = masked_slices(case, values=[CORE], most=1, apart=1)[0]
        rows, columns = np.nonzero(item.pixels > 200)
        height, width = item.pixels.shape
        left, top = outline_in_image(np.asarray(item.outline, np.float32), width=width, height=height).min(axis=0)
        assert (left, top) == pytest.approx((columns.min(), rows.min()), abs=0.5)
        seen.append(item.pixels)
    assert (seen[0] == seen[1]).all(), "the same head, stored from the left and from the right"
    assert columns.mean() > width / 2, "x = 25 of 60 is on the patient's left, which is seen on the right"


def test_without_values_all_of_the_mask_is_tumour(hospital: Path) -> None:
    case = find_cases(hospital, image="t1ce", mask="seg")[0]
    everything = masked_slices(case, values=[], most=40, apart=1)
    assert {item.number for item in everything} == set(range(5, 35))


def test_what_does_not_fit_is_said_for_every_patient(tmp_path: Path) -> None:
    write_case(tmp_path / "whole")
    (tmp_path / "empty").mkdir()
    (tmp_path / "twice").mkdir()
    for name in ("a_seg.nii", "b_seg.nii", "t1ce.nii"):
        (tmp_path / "twice" / name).touch()
    with pytest.raises(UnusableData) as caught:
        find_cases(tmp_path, image="t1ce", mask="seg")
    assert "empty: 0 of its volumes have 't1ce' in their names" in str(caught.value)
    assert "twice: 2 of its volumes have 'seg' in their names" in str(caught.value)
    with pytest.raises(UnusableData, match="no folders"):
        find_cases(tmp_path / "empty", image="t1ce", mask="seg")


def test_a_mask_of_another_shape_or_no_volume_is_refused(tmp_path: Path) -> None:
    write_case(tmp_path / "a" / "anna", mask_shape=(60, 72, 41))
    (case,) = find_cases(tmp_path / "a", image="t1ce", mask="seg")
    with pytest.raises(InvalidScan, match="anna: its mask"):
        masked_slices(case, values=[], most=1, apart=1)
    for harmed in (b"no NIfTI", b"\x1f\x8b but no more"):
        case.image.write_bytes(harmed)
        with pytest.raises(InvalidScan, match="cannot be read"):
            masked_slices(case, values=[], most=1, apart=1)


def test_a_mask_that_does_not_say_how_it_lies_is_refused(tmp_path: Path) -> None:
    """As scripts save it, without the volume's orientation: its outlines would lie elsewhere."""
    write_case(tmp_path / "anna", flipped=True)
    (case,) = find_cases(tmp_path, image="t1ce", mask="seg")
    mask: Any = nib.load(case.mask)
    nib.save(nib.Nifti1Image(np.asarray(mask.dataobj), np.diag([1.0, 1, 1, 1])), case.mask)
    with pytest.raises(InvalidScan, match="anna: its mask says that it lies otherwise"):
        masked_slices(case, values=[], most=1, apart=1)


def test_the_command_writes_a_data_set_that_can_be_scored(hospital: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(command, [str(hospital), "--out", str(tmp_path / "set"), "--value", "4", "--most", "2"])
    assert told.exit_code == 0, told.output
    assert "4 slices of 2 patients" in told.stdout
    slices = load_index(tmp_path / "set", folds=[0])
    assert [(item.label, item.source, item.patient) for item in slices[::2]] == [
        ("glioma", "elsewhere", "elsewhere:anna"),
        ("glioma", "elsewhere", "elsewhere:bert"),
    ]
    assert all(item.outline is not None for item in slices)
    prepare(read_picture(slices[0].path), size_px=64)
    lines = (tmp_path / "set" / "brain-mri" / "outlines.jsonl").read_text().splitlines()
    assert [json.loads(line)["file"] for line in lines] == [item.path.name for item in slices]


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "patient").mkdir()
    told = CliRunner().invoke(command, [str(tmp_path), "--out", str(tmp_path / "set")])
    assert told.exit_code == 1
    assert "patient: 0 of its volumes" in told.output
