"""What our reports say in codes.

The four labels are those of a network and no diagnosis of a pathologist, and of SNOMED CT none could be checked against
the dictionaries that the libraries bring: so they are codes of a private scheme, which says so (PS3.3, 8.2; ADR 0016).
All other codes are of DICOM, UCUM and SNOMED CT, as pydicom's dictionaries of PS3.16 have them.
"""

from __future__ import annotations

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept

from shared.domain import TumorClass

SCHEME = "99NEUROBATCH"
MAKER = "neurobatch"
FOR_RESEARCH = "For research only, not a diagnosis."

_MEANINGS = {
    TumorClass.GLIOMA: "Glioma",
    TumorClass.MENINGIOMA: "Meningioma",
    TumorClass.PITUITARY: "Pituitary tumor",
    TumorClass.NOTUMOR: "No tumor",
}


def own_code(value: str, meaning: str) -> CodedConcept:
    """A code of our scheme; 16 characters of value and 64 of meaning at most."""
    return CodedConcept(value=value, meaning=meaning, scheme_designator=SCHEME)


def label_code(label: TumorClass) -> CodedConcept:
    """What the network called a picture."""
    return own_code(str(label), _MEANINGS[label])


def probability_code(label: TumorClass) -> CodedConcept:
    """The calibrated probability of one label."""
    return own_code(f"p-{label}", f"Probability of {_MEANINGS[label].lower()}")


NEEDS_REVIEW = ("needs-review", "Needs review by a reader")


def scheme_item() -> CodingSchemeIdentificationItem:
    """Who answers for the private codes (PS3.3, C.12.1.1.5)."""
    return CodingSchemeIdentificationItem(
        designator=SCHEME,
        name="Labels of neurobatch, see docs/dicom-results.md",
        responsible_organization=MAKER,
    )
