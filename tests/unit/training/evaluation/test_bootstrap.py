import numpy as np
import pytest

from training.evaluation.bootstrap import IntervalRate, PatientBootstrap, Statistic, mean_of


def interval(rate: IntervalRate) -> list[float]:
    assert rate["interval"] is not None
    return rate["interval"]


def test_intervals_over_patients_cover_the_truth_and_those_over_scans_do_not() -> None:
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(60), 10).astype(str)
    scans = np.arange(600).astype(str)
    everyone = np.ones(600, bool)
    covered = {"patients": 0, "scans": 0}
    for _ in range(100):
        # A patient is easy or hard: right in 95% or 55% of slices, half of the patients each.
        right = rng.random(600) < np.repeat(np.where(rng.random(60) < 0.5, 0.95, 0.55), 10)
        for name, groups in (("patients", patients), ("scans", scans)):
            low, high = interval(PatientBootstrap(groups, resamples=300).rate(mean_of(right, everyone)))
            covered[name] += low <= 0.75 <= high
    assert 88 <= covered["patients"] <= 100
    assert covered["scans"] < 85


def test_a_rate_has_its_value_and_number() -> None:
    bootstrap = PatientBootstrap(np.array(["a", "a", "b", "c"]))
    rate = bootstrap.rate(mean_of(np.array([True, False, True, True]), np.array([True, True, True, False])))
    assert rate["value"] == 0.6667
    assert rate["n"] == 3
    assert rate["interval"] == [0.5, 1.0]  # patient a alone, patient b alone


def test_what_never_happened_may_still_happen() -> None:
    bootstrap = PatientBootstrap(np.repeat(np.arange(30), 5).astype(str))
    never = bootstrap.rate(mean_of(np.zeros(150, bool), np.arange(150) < 100))
    assert never == {"value": 0.0, "n": 100, "interval": [0.0, round(1 - 0.025 ** (1 / 20), 4)]}
    always = bootstrap.rate(mean_of(np.ones(150, bool), np.arange(150) < 100))
    assert always["interval"] == [round(0.025 ** (1 / 20), 4), 1.0]


def test_of_no_scans_there_is_no_rate() -> None:
    bootstrap = PatientBootstrap(np.array(["a", "b"]))
    assert bootstrap.rate(mean_of(np.ones(2, bool), np.zeros(2, bool))) == {"value": None, "n": 0, "interval": None}


def test_of_nobody_there_is_no_rate() -> None:
    nobody = PatientBootstrap(np.array([], str))
    assert nobody.rate_of([]) == {"value": None, "n": 0, "interval": None}


def test_scans_without_a_value_do_not_count() -> None:
    bootstrap = PatientBootstrap(np.array(["a", "a", "b", "c"]))
    assert bootstrap.rate_of([True, None, None, False])["value"] == 0.5
    assert bootstrap.rate_of([True, None, True, None]) == bootstrap.rate_of([True, True, True, None]) | {"n": 2}
    assert bootstrap.rate_of([0.25, 0.75, None, 0.5]) == {"value": 0.5, "n": 3, "interval": [0.5, 0.5]}


def test_sums_and_weights_give_the_same_interval() -> None:
    rng = np.random.default_rng(1)
    values = rng.random(300)
    bootstrap = PatientBootstrap((np.arange(300) // 7).astype(str))
    by_sums = bootstrap.rate(mean_of(values, np.ones(300, bool)))
    by_weights = bootstrap.rate_by_weights(lambda weights: weights @ values / weights.sum(axis=1), n=300)
    assert by_weights == by_sums


def test_the_same_patients_are_drawn_every_time() -> None:
    patients, values = (np.arange(100) // 3).astype(str), np.random.default_rng(2).random(100)
    rates = [PatientBootstrap(patients).rate(mean_of(values, np.ones(100, bool))) for _ in range(2)]
    assert rates[0] == rates[1]


def test_the_interval_of_what_noise_raises_is_moved_back() -> None:
    noise = np.random.default_rng(3).normal(0, 1, 400)
    columns = np.column_stack([noise, np.ones(400)])

    def mean_size(sums: np.ndarray) -> np.ndarray:
        return np.abs(sums[:, 0]) / sums[:, 1]

    bootstrap = PatientBootstrap(np.arange(400).astype(str))
    plain = bootstrap.rate(Statistic(columns, mean_size, n=400))
    moved = bootstrap.rate(Statistic(columns, mean_size, n=400, noise_raises=True))
    assert interval(moved)[1] < interval(plain)[1]
    assert moved["value"] is not None
    assert interval(moved)[0] <= moved["value"] <= interval(moved)[1]
    assert moved["value"] == plain["value"] == pytest.approx(abs(noise.mean()), abs=1e-4)
