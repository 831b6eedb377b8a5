import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from shared.domain import TumorClass
from shared.heatmaps import Frame
from shared.images import read_image
from tests.unit.inference.phantoms import draw_head, encode
from tests.unit.training.slices import drawn_slice
from training.stress.shortcut_features import Features, file_features, prepared_features
from training.stress.shortcuts import out_of_fold, shortcuts
from worker.inference.preprocess import prepare

FRAME = Frame(x=10, y=20, side=120)


def features_of(data: bytes) -> Features:
    return file_features(data, read_image(data, max_pixels=10_000_000), frame=FRAME)


def test_a_known_jpeg_is_told_as_it_was_written() -> None:
    picture = Image.fromarray(draw_head(200, 100)).convert("RGB")
    data = encode(picture, "JPEG", quality=50, subsampling="4:2:0")
    with Image.open(io.BytesIO(data)) as written:
        assert isinstance(written, JpegImageFile)
        tables = written.quantization
    features = features_of(data)
    assert features["size"] == {"width": 200, "height": 100, "aspect": 2.0}
    assert features["border"]["head_x"] == 0.05
    assert features["border"]["head_y"] == 0.2
    assert features["border"]["head_side"] == 0.6
    storage = features["compression"]
    assert storage["bytes"] == len(data)
    assert storage["bytes_per_pixel"] == len(data) / 20_000
    assert (storage["is_jpeg"], storage["is_png"], storage["channels"], storage["sampling"]) == (1, 0, 3, 2)
    assert storage["quantisation_luma"] == sum(tables[0])
    assert storage["quantisation_luma_dc"] == 16  # the table of the JPEG standard is that of quality 50
    assert storage["quantisation_chroma"] == sum(tables[1])


def test_quality_and_sampling_are_told_apart() -> None:
    head = Image.fromarray(draw_head())
    coarse, fine = (features_of(encode(head, "JPEG", quality=each))["compression"] for each in (30, 95))
    assert coarse["quantisation_luma"] > fine["quantisation_luma"]
    assert coarse["channels"] == 1
    assert coarse["quantisation_chroma"] == 0
    whole = features_of(encode(head.convert("RGB"), "JPEG", subsampling="4:4:4"))["compression"]
    assert whole["sampling"] == 0


def test_a_png_has_no_tables() -> None:
    storage = features_of(encode(draw_head(), dpi=(72, 72)))["compression"]
    assert (storage["is_jpeg"], storage["is_png"], storage["quantisation_luma"]) == (0, 1, 0)
    assert storage["resolution_stored"] == 1


def test_margins_are_shares_of_the_side() -> None:
    image = np.full((100, 200), 90, np.uint8)
    image[:30], image[-10:], image[:, :20] = 0, 5, 0
    border = file_features(encode(image), image, frame=FRAME)["border"]
    assert border["margin_top"] == 0.3
    assert border["margin_bottom"] == 0.1
    assert border["margin_left"] == 0.1
    assert border["margin_right"] == 0
    black = np.zeros((50, 50), np.uint8)
    assert file_features(encode(black), black, frame=FRAME)["border"]["margin_top"] == 1


def test_ends_of_the_histogram_are_shares() -> None:
    image = np.full((10, 10), 100, np.uint8)
    image[:2], image[2], image[3], image[4, :5] = 0, 7, 255, 250
    ends = file_features(encode(image), image, frame=FRAME)["ends"]
    assert ends["black"] == 0.2
    assert ends["nearly_black"] == 0.3
    assert ends["white"] == 0.1
    assert ends["nearly_white"] == 0.15
    assert ends["brightest"] == 255


def test_a_blurred_picture_has_less_of_the_fastest_change() -> None:
    sharp = prepare(draw_head(), size_px=80).pixels
    blurred = np.asarray((sharp + np.roll(sharp, 1, 0) + np.roll(sharp, 1, 1)) / 3, np.float32)
    before, after = (prepared_features(pixels)["sharpness"] for pixels in (sharp, blurred))
    assert after["band_7"] < before["band_7"] - 0.3
    assert after["band_0"] == pytest.approx(before["band_0"], abs=0.1)


def test_the_prepared_picture_tells_its_edges() -> None:
    pixels = np.zeros((80, 80), np.float32)
    pixels[:, 40:] = 1
    features = prepared_features(pixels)
    assert features["border"]["edge_right"] == 1
    assert features["border"]["edge_left"] == 0
    assert features["border"]["margin_left"] == 0.5
    assert features["ends"]["black"] == features["ends"]["white"] == 0.5


def test_out_of_fold_never_asks_what_it_was_fitted_on() -> None:
    rng = np.random.default_rng(0)
    columns: npt.NDArray[np.float64] = rng.random((200, 3))
    classes = rng.integers(0, 2, 200)
    folds = np.arange(200) % 4
    shares = out_of_fold(columns, classes, folds, seed=0)
    assert shares.sum(axis=1) == pytest.approx(1)
    # Noise is learnt by heart; only a classifier that has not seen the row is at a loss.
    assert 0.3 < (shares.argmax(axis=1) == classes).mean() < 0.7


def test_a_source_with_its_own_file_format_gives_itself_away(tmp_path: Path) -> None:
    slices = [
        drawn_slice(
            tmp_path,
            f"{label}-{number}",
            label=label,
            source=source,
            fold=number % 2,
            image_format=written,
        )
        for label, source, written in (
            (TumorClass.GLIOMA, "figshare", "JPEG"),
            (TumorClass.NOTUMOR, "br35h", "PNG"),
        )
        for number in range(44)
    ]
    figures = shortcuts(slices, size_px=64, report=lambda _: None)
    assert figures["n"] == 88
    assert figures["largest_class"]["accuracy"] == {"value": 0.5, "n": 88}
    assert figures["largest_class"]["figshare_tumour_accuracy"] == {"value": 1.0, "n": 44}
    compression = figures["file"]["compression"]
    assert compression["tumour_or_healthy"]["right"]["value"] == 1
    assert compression["tumour_or_healthy"]["auc"] == 1
    assert compression["tumour_or_healthy"]["auc_by_source"] == {"br35h": None, "figshare": None}
    assert compression["source_accuracy"]["value"] == 1
    assert figures["file"]["size"]["accuracy"]["value"] == 0.5  # all drawn alike
    assert "compression.is_png" in figures["file"]["all"]["features"]
    assert set(figures["prepared"]) == {"border", "ends", "sharpness", "all"}
