from typing import Any

from training.publication.shortcut_tables import within_source_table


def answered(auc: float, within: float) -> dict[str, Any]:
    by_source = {"br35h": None, "figshare": None, "sartaj": within}
    return {"tumour_or_healthy": {"auc": auc, "auc_by_source": by_source}}


def test_each_group_has_its_area_in_all_and_within_the_source_that_holds_both() -> None:
    shortcuts = {"n": 9, "file": {"size": answered(0.99, 0.5)}, "prepared": {"ends": answered(0.9, 0.6)}}
    assert within_source_table({"shortcuts": shortcuts}).splitlines() == [
        "| tumour or healthy, AUC | all sources | within sartaj |",
        "| --- | --- | --- |",
        "| file: size | 0.99 | 0.5 |",
        "| prepared: ends | 0.9 | 0.6 |",
    ]
