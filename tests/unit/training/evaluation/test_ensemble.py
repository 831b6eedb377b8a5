"""Networks taken together, where it is known what each of them says."""

from dataclasses import replace

import numpy as np
import pytest

from shared.domain import CLASSES
from tests.unit.training.synthetic import honest_scores
from training.evaluation.comparison import compare
from training.evaluation.ensemble import ensemble_of
from training.evaluation.scores import ScanScore, labels_of, logits_of
from worker.inference.predict import softmax


def noisy(scores: list[ScanScore], *, seed: int) -> list[ScanScore]:
    noise = np.random.default_rng(seed).normal(0, 4, (len(scores), len(CLASSES)))
    return [
        replace(score, logits=tuple((np.array(score.logits) + row).tolist()))
        for score, row in zip(scores, noise, strict=True)
    ]


def test_probabilities_are_multiplied_and_a_constant_in_a_network_s_logits_is_nothing() -> None:
    scores = honest_scores(40)
    other = noisy(scores, seed=1)
    moved = [replace(score, logits=tuple(logit + 7 for logit in score.logits)) for score in other]
    together = ensemble_of([scores, moved[::-1]])
    expected = np.sqrt(softmax(logits_of(scores)) * softmax(logits_of(other)))
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(softmax(logits_of(together)), expected)
    assert [score.file for score in together] == [score.file for score in scores]
    assert {score.heatmap for score in together} == {None}


def test_networks_that_err_apart_are_better_together_and_a_lone_one_is_as_it_was() -> None:
    scores = honest_scores(1000)
    networks = [noisy(scores, seed=seed) for seed in range(1, 5)]
    right = [
        float((logits_of(each).argmax(1) == labels_of(each)).mean()) for each in (*networks, ensemble_of(networks))
    ]
    assert right[-1] > max(right[:-1]) + 0.03
    figures = compare({"one": networks[0], "alone": ensemble_of(networks[:1])}, {})["differences"][0]["figures"]
    assert figures["accuracy"]["value"] == figures["accuracy_at_90_coverage"]["value"] == 0


def test_a_scan_that_one_network_was_not_asked_is_told() -> None:
    scores = honest_scores(10)
    with pytest.raises(ValueError, match=r"scan-00009\.png: not in every table"):
        ensemble_of([scores, scores[:-1]])
