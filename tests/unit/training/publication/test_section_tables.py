from training.publication.section_tables import section_tables


def test_figures_alone_are_named_by_their_way() -> None:
    section = {
        "note": "words",
        "left_out": {"sartaj": {"accuracy": {"value": 0.5613, "n": 311, "interval": [0.5, 0.62]}}},
        "seed": 3,
        "by_seed": [0.1, 0.2],
    }
    assert section_tables(section).splitlines() == [
        "| figure | value | n |",
        "| --- | --- | --- |",
        "| left out, sartaj, accuracy, four classes | 56.1% (50.0–62.0%) | 311 |",
        "| seed | 3 |  |",
    ]


def test_alike_figures_side_by_side_are_a_row_each() -> None:
    def measured(share: float) -> dict[str, object]:
        return {
            "means": "what was done",
            "accuracy": {"value": share, "n": 300},
            "tumour_or_healthy": {"accuracy": {"value": 0.9, "n": 300}, "auc": 0.95, "auc_by_source": {"a": 0.5}},
            "accuracy_by_source": {"a": {"value": 0.1, "n": 20}},
        }

    section = {"n": 300, "perturbations": {"noise": measured(0.5), "heavy_blur": measured(0.25)}}
    alone, together = section_tables(section).split("\n\n")
    assert alone.splitlines()[2:] == ["| n | 300 |  |"]
    assert together.splitlines() == [
        "| perturbations | accuracy, four classes | tumour or healthy, accuracy, four classes "
        "| tumour or healthy, AUC | n |",
        "| --- | --- | --- | --- | --- |",
        "| noise | 50.0% | 90.0% | 0.95 | 300 |",
        "| heavy blur | 25.0% | 90.0% | 0.95 | 300 |",
    ]


def test_a_section_of_rows_is_one_table() -> None:
    rate = {"value": None, "n": 0}
    assert section_tables({"photos": {"rejected": rate}, "food": {"rejected": rate}}).splitlines() == [
        "| measured | rejected | n |",
        "| --- | --- | --- |",
        "| photos | – | 0 |",
        "| food | – | 0 |",
    ]


def test_an_n_that_differs_within_a_row_stands_where_it_belongs() -> None:
    def measured(share: float, tumours: int) -> dict[str, object]:
        return {
            "accuracy": {"value": share, "n": 300},
            "tumour_called_healthy": {"value": 0.1, "n": tumours},
            "auc": 0.95,
        }

    section = {"crop": measured(0.5, 70), "noise": measured(0.25, 64)}
    assert section_tables(section).splitlines() == [
        "| measured | accuracy, four classes (n 300) | tumour called healthy | AUC |",
        "| --- | --- | --- | --- |",
        "| crop | 50.0% | 10.0% (n 70) | 0.95 |",
        "| noise | 25.0% | 10.0% (n 64) | 0.95 |",
    ]
