import re
from pathlib import Path

import pytest

from training.config import InvalidConfig, load_config

CONFIGS = sorted(Path(__file__).resolve().parents[3].glob("training/configs/*.toml"))


@pytest.mark.parametrize("path", CONFIGS)
def test_every_shipped_config_can_be_read(path: Path) -> None:
    assert load_config(path).size_px % 8 == 0


@pytest.mark.parametrize(
    ("written", "becomes", "told"),
    [
        ("learning_rate = ", "learning_rat = ", "learning_rat is not known; learning_rate is missing"),
        ("epochs = 50", 'epochs = "50"', "epochs = '50' is no int"),
        ("augmentation = 0.7", "augmentation = true", "augmentation = True is no float"),
        ("[run]", "[ran]", "architecture is missing"),
        ("[run]", "run = 3", "architecture is missing"),
        ("name = ", "name ", "is no TOML"),
    ],
)
def test_what_is_wrong_with_a_config_is_told(tmp_path: Path, written: str, becomes: str, told: str) -> None:
    path = tmp_path / "bad.toml"
    good = CONFIGS[0].read_text()
    assert written in good
    path.write_text(good.replace(written, becomes, 1))
    with pytest.raises(InvalidConfig, match=re.escape(told)):
        load_config(path)
