"""Judgements of documents by query, as BEIR and TREC write them."""

from docmind_core.query_sets.importers.draft import Draft
from docmind_core.query_sets.importers.field_values import written
from docmind_core.query_sets.problems import ProblemList, shown


class Qrels:
    """Grades by query and document; what is judged not relevant has a grade of 0 or less."""

    def __init__(self) -> None:
        self._grades: dict[str, dict[str, int]] = {}
        self._untaken: set[str] = set()

    def __contains__(self, query_id: str) -> bool:
        return query_id in self._grades

    def add(self, place: str, query_id: object, doc_id: object, grade: object, problems: ProblemList) -> None:
        """Keep one judgement; of two of the same document the higher one."""
        try:
            value = int(float(str(grade)))
        except (ValueError, OverflowError):
            problems.add(place, "", f"the grade should be a whole number, got {shown(grade)}")
            return
        grades = self._grades.setdefault(written(query_id), {})
        name = written(doc_id)
        grades[name] = max(value, grades.get(name, value))
        self._untaken.add(written(query_id))

    def note_taken(self, query_id: str) -> None:
        """Remember that the query of these judgements was found."""
        self._untaken.discard(query_id)

    def grades(self, query_id: str, place: str, draft: Draft) -> dict[str, int]:
        """Return the grades of the relevant documents of a query."""
        found = self._grades[query_id]
        relevant = {doc_id: grade for doc_id, grade in found.items() if grade > 0}
        if not relevant:
            draft.note("queries have no relevant document among their judgements", place)
        return relevant

    def note_unasked(self, name: str, draft: Draft) -> None:
        """Note the judgements whose query was not found."""
        for query_id in sorted(self._untaken):
            draft.note("judged queries are not among the queries", f"{name}, {shown(query_id)}")
