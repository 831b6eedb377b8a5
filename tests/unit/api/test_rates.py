from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.rates import TokenBuckets


def test_a_bucket_fills_again() -> None:
    now_s = 0.0
    buckets = TokenBuckets(per_s=2, burst=3, now_s=lambda: now_s)
    assert [buckets.take("k").granted for _ in range(4)] == [True, True, True, False]
    assert buckets.take("other").granted
    now_s = 0.5
    assert [buckets.take("k").granted for _ in range(2)] == [True, False]
    now_s = 1000.0
    assert [buckets.take("k").granted for _ in range(4)] == [True, True, True, False]


@given(st.integers(1, 20), st.integers(1, 50), st.lists(st.floats(0, 3), max_size=200))
def test_nobody_gets_more_than_the_burst_and_what_came_since(per_s: int, burst: int, pauses_s: list[float]) -> None:
    now_s, granted = 0.0, 0
    buckets = TokenBuckets(per_s=per_s, burst=burst, now_s=lambda: now_s)
    for pause_s in pauses_s:
        now_s += pause_s
        share = buckets.take("k")
        granted += share.granted
        assert granted <= burst + per_s * now_s + 1e-6
        assert 0 <= share.tokens <= burst
        assert share.granted or share.retry_after_s >= 1


def test_who_keeps_to_the_rate_is_never_refused() -> None:
    now_s = 0.0
    buckets = TokenBuckets(per_s=10, burst=1, now_s=lambda: now_s)
    for _ in range(100):
        assert buckets.take("k").granted
        now_s += 0.1001
