"""The queries that find a page's scans: around results, corrections or the scans themselves, as the filter asks.

Each is made so that what it walks is bounded, whatever the planner believes of the data: a rare combination of common
filters is what planners get wrong (docs/adr/0021).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal_column, select, true

from api.scan_filters import ScanFilter, is_standing
from api.scan_orders import Place, ScanSort, beyond, ordering, sorted_by
from shared.db.models import Correction, Prediction, Scan
from shared.domain import ScanState

# Walking so many entries of an index takes one or two milliseconds.
NEWEST = 20_000
_WITHOUT_RESULT = [state for state in ScanState if state is not ScanState.SUCCEEDED]


@dataclass(frozen=True)
class PageQueries:
    """What the queries of one page have in common.

    `within` are ids that all wanted scans lie between. Queries answer the column `id` and, if the order needs it, `by`.
    """

    wanted: ScanFilter
    sort: ScanSort
    behind: Place | None
    dialect: str
    within: tuple[UUID, UUID] | None = None

    def of_results(self, *, in_order: bool = True) -> Select[Any]:
        """Found around the predictions, whose indexes hold all that results are filtered by.

        Where it is not `in_order`, whatever is rare is looked for first, and then sorted.
        """
        key = Prediction.scan_id.expression
        query = self._scoped(self._of_results(key), Prediction).where(*self.wanted.conditions_on_results())
        return self._finish(query, key=key, in_order=in_order)

    def of_newest_results(self, count: int) -> Select[Any]:
        """Those among the newest results of the label, or in review, that are asked for; in the order of ids alone."""
        # The index of what is in review does not say again that it is.
        needs_review = true().label("needs_review") if self._walks_reviews else Prediction.needs_review
        columns = (Prediction.scan_id, Prediction.label, Prediction.confidence, needs_review)
        newest = self._newest(*columns).limit(count).subquery("newest")
        query = self._of_results(newest.c.scan_id).where(*self.wanted.conditions_on_results(newest.c))
        return query.order_by(*ordering(self.sort, key=newest.c.scan_id, by=None))

    def last_of_newest(self, count: int) -> Select[Any]:
        """The id at which the newest results end; none where they are all that there are."""
        return self._newest(Prediction.scan_id).offset(count - 1).limit(1)

    def of_corrections(self) -> Select[Any]:
        """Found around the corrections, which are few."""
        key = Correction.scan_id.expression
        query = self._of_results(key).join(Prediction, Prediction.scan_id == key).where(is_standing())
        return self._finish(self._scoped(query, Prediction).where(*self.wanted.conditions_on_results()), key=key)

    def of_scans(self) -> Select[Any]:
        """Found around the scans themselves."""
        query = self._scoped(select(Scan.id), Scan)
        return self._finish(query.where(*self._conditions_on_scans(with_result=False)), key=Scan.id.expression)

    def without_result(self) -> Select[Any]:
        """Those that come last by confidence, among themselves in the order of ids."""
        behind = self.behind if self.behind is not None and self.behind.confidence is None else None
        page = replace(self, sort=ScanSort.ID, behind=behind)
        return page.of_scans().where(Scan.state.in_(_WITHOUT_RESULT))

    def _of_results(self, key: ColumnElement[UUID]) -> Select[Any]:
        """Ids of scans with a result, and what is asked of the scans themselves."""
        query = select(key.label("id"))
        asked = self._conditions_on_scans(with_result=True)
        return query.join(Scan, Scan.id == key).where(*asked) if asked or self.sort.by_filename else query

    def _conditions_on_scans(self, *, with_result: bool) -> list[ColumnElement[bool]]:
        asked = self.wanted.conditions_on_scans()
        if with_result:
            asked.pop("state", None)  # it succeeded
        if self.wanted.corrected is False:
            standing = select(Correction.scan_id).where(Correction.scan_id == Scan.id, is_standing())
            asked["corrected"] = ~standing.exists()
        if self._is_of_study_on_sqlite:
            # Hidden from SQLite, which would look for all scans with that state rather than for the study's.
            return [c if name == "study" else func.coalesce(c, literal_column("0")) for name, c in asked.items()]
        return list(asked.values())

    @property
    def _walks_reviews(self) -> bool:
        """SQLite would not take the index of what is in review, and walk past all that is not."""
        return self.wanted.needs_review is True and self.dialect == "postgresql"

    @property
    def _is_of_study_on_sqlite(self) -> bool:
        return self.wanted.study is not None and self.dialect == "sqlite"

    def _scoped(self, query: Select[Any], table: type[Scan | Prediction]) -> Select[Any]:
        """In the batch, the study or else the project; the former are of one project, and that has been looked at."""
        if self.wanted.batch is not None:
            of_batch = table.batch_id == self.wanted.batch
            return query.where(
                func.coalesce(of_batch, literal_column("0")) if self._is_of_study_on_sqlite else of_batch
            )
        return query if self.wanted.study is not None else query.where(table.project == self.wanted.project)

    def _newest(self, *columns: Any) -> Select[Any]:
        """Walked along the narrowest index that is in the order of ids."""
        query = self._scoped(select(*columns), Prediction)
        if self._walks_reviews:
            query = query.where(Prediction.needs_review.is_(True))
        elif self.wanted.label is not None:
            query = query.where(Prediction.label == self.wanted.label)
        return self._finish(query, key=Prediction.scan_id.expression)

    def _finish(self, query: Select[Any], *, key: ColumnElement[UUID], in_order: bool = True) -> Select[Any]:
        if self.within is not None:
            query = query.where(key.between(*self.within))
        by = sorted_by(self.sort, dialect=self.dialect)
        if by is not None:
            query = query.add_columns(by.label("by"))
        if self.behind is not None:
            query = query.where(beyond(self.sort, self.behind, key=key, by=by, batch=self.wanted.batch))
        # No index has a study's slices in the order of ids, and none is to be walked in hope of them.
        sorts = self.wanted.study is not None or not in_order
        return query.order_by(*ordering(self.sort, key=func.coalesce(key, key) if sorts else key, by=by))
