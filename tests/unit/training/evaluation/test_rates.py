from training.evaluation.rates import rate


def test_a_share_stands_beside_its_number() -> None:
    assert rate([True, False, False]) == {"value": 0.3333, "n": 3}
    assert rate([]) == {"value": None, "n": 0}
