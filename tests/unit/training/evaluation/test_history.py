import json
from pathlib import Path

import pytest

from training.evaluation.history import read_histories, training_minutes


def test_each_folds_epochs_are_read_with_what_was_written(tmp_path: Path) -> None:
    for fold, validated in ((0, True), (3, False)):
        epochs = [
            {"epoch": at + 1, "took_s": 30.0, "loss": 2.0, "logits_loss": 1.0 / (at + 1), "logits_accuracy": 0.5}
            | ({"val_accuracy": 0.6, "val_loss": 0.9} if validated else {})
            for at in range(4)
        ]
        folder = tmp_path / f"fold-{fold}"
        folder.mkdir()
        (folder / "config.json").write_text('{"small_epochs": 0, "epochs": 4}')
        (folder / "history.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    found = read_histories(tmp_path)
    assert list(found) == ["0", "3"]
    assert found["0"]["minutes"] == 2.0
    assert found["0"]["loss"] == [1.0, 0.5, 0.3333, 0.25]
    assert found["0"]["val_accuracy"] == [0.6] * 4
    assert set(found["3"]) == {"minutes", "accuracy", "loss"}


def test_without_runs_there_is_no_history(tmp_path: Path) -> None:
    assert read_histories(tmp_path) == {}


def test_training_minutes_are_those_of_an_undisturbed_machine(tmp_path: Path) -> None:
    """Each epoch counts as the quickest of its size, whatever held up the others."""
    history = tmp_path / "history.jsonl"
    (tmp_path / "config.json").write_text('{"small_epochs": 2, "epochs": 5}')
    lines = [{"epoch": n, "took_s": s} for n, s in ((1, 30), (2, 999), (3, 60))]
    history.write_text("".join(json.dumps(line) + "\n" for line in lines[:2]))
    with pytest.raises(ValueError, match="every size"):
        training_minutes(history)
    history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert training_minutes(history) == 4.0
