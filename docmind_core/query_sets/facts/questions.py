"""The documents and the questions of `facts`.

No gold document belongs to two questions, so that each question is a cluster of its own in every interval.
"""

from collections.abc import Iterator, Sequence

from docmind_core.query_sets.documents import Document, EarlierMessage
from docmind_core.query_sets.facts.attributes import SUBJECT_ATTRIBUTES
from docmind_core.query_sets.facts.draws import Draws
from docmind_core.query_sets.facts.world import Fact, Page, World
from docmind_core.query_sets.queries import Evidence, Query

SEED = 19
FACTOIDS = 168
REPORTED_SUBJECTS = 24
REPORTS = 3
"""Of each such subject, one a year, worded alike; each is asked about."""
TWO_HOPS = 20
UNANSWERABLE = 20
CONVERSATIONS = 20
KINDS_ASKED = (*["person"] * 5, *["year"] * 2, *["count"] * 2, "town")
OTHER_WORDS = 4
"""Of so many questions one uses other words than the sentence that answers it."""
EARLIER_TURNS = 8
LETTERS = 2
"""Of so many subjects one is named in a letter too, which misleads a search."""


def generated_facts(seed: int = SEED) -> tuple[tuple[Document, ...], tuple[Query, ...]]:
    """Return some 430 documents and 300 questions: the same bytes for the same seed, wherever it runs."""
    writer = _Writer(seed)
    queries = [
        *writer.factoids(),
        *writer.near_duplicates(),
        *writer.two_hops(),
        *writer.unanswerable(),
        *writer.conversations(),
    ]
    return writer.documents(), tuple(queries)


class _Writer:
    """Writes pages as questions need them, with their distractors."""

    def __init__(self, seed: int) -> None:
        self.draws = Draws(seed)
        self.world = World(self.draws)
        self.pages: list[Page] = []

    def documents(self) -> tuple[Document, ...]:
        """Return all documents, in the order of their ids."""
        return tuple(page.document for page in self.pages)

    def factoids(self) -> Iterator[Query]:
        """Ask for one fact of a subject."""
        for _ in range(FACTOIDS):
            page = self._subject_page()
            yield self._query("factoid", self._one_fact(page), page)

    def near_duplicates(self) -> Iterator[Query]:
        """Ask for one year of a subject that has three reports, worded alike."""
        for _ in range(REPORTED_SUBJECTS):
            subject = self.world.subject()
            first = self.draws.number(1950, 1985, "first year", subject)
            pages = [self._kept(self.world.report_page(self._next_id(), subject, first + i)) for i in range(REPORTS)]
            for page in pages:
                yield self._query("near_duplicate", self._one_fact(page), page)

    def two_hops(self) -> Iterator[Query]:
        """Ask for a fact about the director of a subject: one document names them, another one is about them."""
        for _ in range(TWO_HOPS):
            page = self._subject_page(director=self.world.director())
            named = page.fact("director")
            other = self._kept(self.world.person_page(self._next_id(), named.answer))
            asked = self._one_fact(other)
            question = self._question(asked).replace(named.answer, f"the director of the {named.subject}")
            yield self._query("two_hop", asked, other, question=question, first=(page, named))

    def unanswerable(self) -> Iterator[Query]:
        """Ask in turn for an attribute that the page of its subject leaves out, and about a subject without a page."""
        for number in range(UNANSWERABLE):
            page = self._subject_page() if number % 2 else None
            subject = page.title if page else self.world.subject()
            written = {fact.attribute.name for fact in page.facts} if page else set()
            absent = [attribute for attribute in SUBJECT_ATTRIBUTES if attribute.name not in written]
            asked = self.draws.one_of(absent, "absent", subject)
            yield Query(
                query_id=f"fact_absent_{number:02d}",
                text=asked.questions[self._wording(subject, asked.name)].format(subject=subject),
                query_type="unanswerable",
                expected_abstain=True,
                tags=(asked.value,),
            )

    def conversations(self) -> Iterator[Query]:
        """Ask for one fact after turns about other subjects, whose answers are right too."""
        earlier_pages = list(self.pages)
        for _ in range(CONVERSATIONS):
            page = self._subject_page()
            before = self.draws.shuffled(earlier_pages, "turns", page.title)[:EARLIER_TURNS]
            facts = [self._one_fact(other) for other in before]
            said = [
                (role, text)
                for fact in facts
                for role, text in (("user", self._question(fact)), ("assistant", fact.answer))
            ]
            history = tuple(EarlierMessage(role=role, content=text) for role, text in said)
            yield self._query("conversation", self._one_fact(page), page, history=history)

    def _subject_page(self, *, director: str | None = None) -> Page:
        page = self._kept(self.world.subject_page(self._next_id(), self.world.subject(), director=director))
        if self.draws.number(1, LETTERS, "letter about", page.title) == 1:
            self._kept(self.world.letter_page(self._next_id(), page.title))
        return page

    def _kept(self, page: Page) -> Page:
        self.pages.append(page)
        return page

    def _next_id(self) -> str:
        return f"{len(self.pages):03d}"

    def _one_fact(self, page: Page) -> Fact:
        """Choose what is asked of a page; a name takes a model that copies it alone, a number any sentence with it."""
        kind = self.draws.one_of(KINDS_ASKED, "kind", page.doc_id)
        asked = [fact for fact in page.facts if fact.attribute.value == kind] or page.facts
        return self.draws.one_of(asked, "fact", page.doc_id)

    def _question(self, fact: Fact) -> str:
        return fact.question(self._wording(fact.subject, fact.year, fact.attribute.name))

    def _wording(self, *about: str) -> int:
        return int(self.draws.number(1, OTHER_WORDS, "wording", *about) == 1)

    def _query(
        self,
        kind: str,
        asked: Fact,
        page: Page,
        *,
        question: str = "",
        first: tuple[Page, Fact] | None = None,
        history: Sequence[EarlierMessage] = (),
    ) -> Query:
        hops = [*([first] if first else []), (page, asked)]
        return Query(
            query_id=f"fact_{page.doc_id}",
            text=question or self._question(asked),
            gold_answers=(asked.answer,),
            gold_doc_ids=tuple(hop.doc_id for hop, _ in hops),
            query_type=kind,
            evidence=tuple(Evidence(doc_id=hop.doc_id, text=fact.sentence) for hop, fact in hops),
            tags=(asked.attribute.value,),
            history=tuple(history),
            rival_answers=tuple(name for name in self.world.candidates(asked.attribute.value) if name != asked.answer),
        )
