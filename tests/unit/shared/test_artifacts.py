from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.artifacts import LocalArtifactStore, result_key, upload_key

parts = st.sampled_from(["..", ".", "a", "uploads", "/", "//", "\\", "\x00", "\n", "etc", "0", "~", "é"])


@given(st.one_of(st.text(), st.lists(parts).map("/".join)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_key_leaves_the_root(tmp_path: Path, key: str) -> None:
    store = LocalArtifactStore(tmp_path)
    try:
        path = store.path(key)
    except ValueError:
        return
    assert path.resolve().is_relative_to(tmp_path.resolve())
    assert path != tmp_path


def test_our_own_keys_are_accepted_and_differ_by_fence(tmp_path: Path) -> None:
    store, batch, scan = LocalArtifactStore(tmp_path), uuid4(), uuid4()
    keys = [upload_key(batch, "000003"), *(result_key(batch, scan, fence=f, name="heatmap.png") for f in (1, 2))]
    for key in keys:
        store.write(key, key.encode())
    assert [store.read(key) for key in keys] == [key.encode() for key in keys]
    assert len(set(keys)) == 3


def test_a_missing_artifact_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LocalArtifactStore(tmp_path).read("uploads/none")


def test_what_was_deleted_meanwhile_keeps_nobody_from_the_disk(tmp_path: Path) -> None:
    store = LocalArtifactStore(tmp_path)
    gone, kept = uuid4(), uuid4()
    keys = [result_key(batch, uuid4(), fence=1, name="grid.npy") for batch in (gone, kept)]
    for key in keys:
        store.write(key, b"x")
    store.delete_batch(gone)
    store.make_durable(keys)
    assert store.read(keys[1]) == b"x"
