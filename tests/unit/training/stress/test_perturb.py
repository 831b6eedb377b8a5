import cv2
import numpy as np
import pytest

from tests.unit.inference.phantoms import draw_head
from training.stress.perturb import PERTURBATIONS, UNCHANGED, Picture, smooth_field

WIDTH, HEIGHT = 240, 300
SPOT = (150, 120)
OUTLINE = np.array([[138, 108], [162, 108], [162, 132], [138, 132]], np.float32)
KEEPS_GREY_VALUES = {UNCHANGED, "crop_5", "crop_15", "border_5", "border_15", "mirror"}


def head() -> Picture:
    return Picture(draw_head(WIDTH, HEIGHT, tumour=SPOT), OUTLINE)


def changed(name: str, picture: Picture | None = None, *, seed: int = 0) -> Picture:
    return PERTURBATIONS[name].change(picture or head(), np.random.default_rng(seed))


def flat(value: int, *, width: int = 64, height: int = 64) -> Picture:
    return Picture(np.full((height, width), value, np.uint8), None)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_pixels_stay_bytes_and_the_outline_stays_on_the_tumour(name: str) -> None:
    picture = changed(name)
    assert picture.pixels.dtype == np.uint8
    assert picture.outline is not None
    (left, top), (right, bottom) = np.rint(picture.outline.min(axis=0)), np.rint(picture.outline.max(axis=0))
    inside = picture.pixels[int(top) : int(bottom) + 1, int(left) : int(right) + 1]
    brain = np.median(picture.pixels[picture.pixels > picture.pixels.max() * 0.15])
    assert np.median(inside) > brain * 1.3
    assert (right - left, bottom - top) == (24, 24)


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_a_picture_without_an_outline_stays_without(name: str) -> None:
    assert changed(name, Picture(head().pixels, None)).outline is None


@pytest.mark.parametrize("name", PERTURBATIONS)
def test_the_same_seed_changes_the_same_and_the_picture_given_is_left_alone(name: str) -> None:
    picture = head()
    before = picture.pixels.copy()
    first, second = changed(name, picture, seed=5), changed(name, picture, seed=5)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(picture.pixels, before)


@pytest.mark.parametrize("name", [name for name in PERTURBATIONS if name != UNCHANGED])
def test_every_change_changes_something(name: str) -> None:
    picture = changed(name)
    assert picture.pixels.shape != (HEIGHT, WIDTH) or not np.array_equal(picture.pixels, head().pixels)


def test_unchanged_is_unchanged() -> None:
    assert np.array_equal(changed(UNCHANGED).pixels, head().pixels)


@pytest.mark.parametrize(("name", "percent"), [("crop_5", 5), ("crop_15", 15)])
def test_a_crop_cuts_at_each_edge(name: str, percent: int) -> None:
    picture = changed(name)
    down, right = HEIGHT * percent // 100, WIDTH * percent // 100
    assert np.array_equal(picture.pixels, head().pixels[down : HEIGHT - down, right : WIDTH - right])


@pytest.mark.parametrize(("name", "percent"), [("border_5", 5), ("border_15", 15)])
def test_a_border_is_black_and_undone_by_a_crop(name: str, percent: int) -> None:
    picture = changed(name)
    down, right = HEIGHT * percent // 100, WIDTH * percent // 100
    assert picture.pixels.shape == (HEIGHT + 2 * down, WIDTH + 2 * right)
    assert np.array_equal(picture.pixels[down:-down, right:-right], head().pixels)
    assert not picture.pixels[:down].any()
    assert not picture.pixels[:, -right:].any()


def test_an_outline_is_cut_where_the_picture_ends_and_gone_where_nothing_is_left() -> None:
    at_the_edge = np.array([[0, 100], [30, 100], [30, 130], [0, 130]], np.float32)  # a crop of 5% takes 12 columns
    cut = changed("crop_5", Picture(head().pixels, at_the_edge)).outline
    assert cut is not None
    assert cut[:, 0].tolist() == [0, 18, 18, 0]
    assert changed("crop_15", Picture(head().pixels, at_the_edge)).outline is None


def test_mirroring_twice_is_nothing() -> None:
    twice = changed("mirror", changed("mirror"))
    assert np.array_equal(twice.pixels, head().pixels)
    assert twice.outline is not None
    assert twice.outline.tolist() == OUTLINE.tolist()


def test_rescaling_loses_detail_but_no_size_and_leaves_small_pictures_alone() -> None:
    def detail(picture: Picture) -> float:
        return float(cv2.Laplacian(picture.pixels, cv2.CV_64F).std())

    assert changed("rescale_128").pixels.shape == (HEIGHT, WIDTH)
    assert detail(changed("rescale_128")) < detail(changed("rescale_256")) < detail(head())
    small = Picture(draw_head(100, 128), None)
    assert np.array_equal(changed("rescale_128", small).pixels, small.pixels)


def test_lower_quality_is_further_away() -> None:
    def distance(name: str) -> float:
        return float(np.abs(changed(name).pixels.astype(int) - head().pixels).mean())

    assert 0 < distance("jpeg_90") < distance("jpeg_60") < distance("jpeg_30")


def test_gamma_and_window_do_what_they_say() -> None:
    assert changed("gamma_0.6", flat(64)).pixels[0, 0] == round(255 * (64 / 255) ** 0.6)
    assert changed("gamma_1.6", flat(64)).pixels[0, 0] == round(255 * (64 / 255) ** 1.6)
    assert changed("gamma_1.6", flat(255)).pixels[0, 0] == 255
    assert changed("window", flat(25)).pixels[0, 0] == 0
    assert changed("window", flat(204)).pixels[0, 0] == 255
    assert changed("window", flat(115)).pixels[0, 0] == round(255 * (115 / 255 - 0.1) / 0.7)


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1])
def test_noise_is_rician(sigma: float) -> None:
    bright = changed(f"noise_{sigma}", flat(128, width=200, height=200)).pixels / 255
    assert bright.std() == pytest.approx(sigma, rel=0.05)
    black = changed(f"noise_{sigma}", flat(0, width=200, height=200)).pixels / 255
    assert black.mean() == pytest.approx(sigma * np.sqrt(np.pi / 2), rel=0.03)  # Rayleigh where there is no signal


@pytest.mark.parametrize(("name", "sigma"), [("blur_1", 0.5), ("blur_2", 1.0)])
def test_a_blur_is_told_for_512_px(name: str, sigma: float) -> None:
    point = np.zeros((256, 256), np.uint8)
    point[128, 128] = 255
    expected = cv2.GaussianBlur(point.astype(np.float32), (0, 0), sigma)
    assert np.abs(changed(name, Picture(point, None)).pixels - expected).max() <= 1


@pytest.mark.parametrize("amplitude", [0.3, 0.6])
@pytest.mark.parametrize("seed", range(5))
def test_a_bias_field_is_smooth_as_strong_as_it_says_and_saturates_nothing(amplitude: float, seed: int) -> None:
    values = changed(f"bias_{amplitude}", flat(255, width=128, height=96), seed=seed).pixels / 255
    assert values.max() == 1
    # 1 - a or 1 + a is reached at one end; the largest value is 1 by definition.
    assert 1 - values.min() >= amplitude / (1 + amplitude) - 0.01
    assert values.min() >= (1 - amplitude) / (1 + amplitude) - 0.01
    assert np.abs(np.diff(values, axis=0)).max() < 0.05
    assert np.abs(np.diff(values, axis=1)).max() < 0.05


def test_a_field_reaches_one_and_no_further() -> None:
    field = smooth_field(40, 60, rng=np.random.default_rng(0))
    assert field.shape == (40, 60)
    assert np.abs(field).max() == pytest.approx(1)
