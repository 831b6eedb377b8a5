"""Scans labelled healthy in which a mass is plain to see: a network that finds it is counted as wrong.

Found among the healthy scans that networks called a tumour in cross-validation, and looked at by eye, not by a
radiologist. They keep their labels in training and in every figure; what they change is told beside.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

_LIST = Path(__file__).with_name("doubted_labels.csv")


def doubted_labels() -> Mapping[str, str]:
    """What is seen, by patient as in the scores: a cluster of near-duplicates that shows it in every one."""
    with _LIST.open(newline="", encoding="utf-8") as file:
        return {row["patient"]: row["seen"] for row in csv.DictReader(file)}
