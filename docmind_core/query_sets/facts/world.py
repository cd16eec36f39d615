"""What is true in the invented world of `facts`: subjects, the facts about them, and the pages that state these."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from docmind_core.query_sets.documents import Document
from docmind_core.query_sets.facts.attributes import (
    PERSON_ATTRIBUTES,
    REPORT_ATTRIBUTES,
    SUBJECT_ATTRIBUTES,
    Attribute,
)
from docmind_core.query_sets.facts.draws import Draws, person_names, place_names

KINDS = ("plant", "mill", "bridge", "museum", "library", "theatre", "harbour", "quarry", "brewery", "foundry")
TOWNS = 60
"""Places that are towns; the others name subjects."""
PEOPLE = 120
"""People that several pages may name; the others have a page of their own and direct one subject each."""
FACTS_PER_PAGE = 5
FACTS_PER_LETTER = 3
_NUMBERS = {"year": (1901, 1989), "count": (11, 99)}
_LETTER = (
    "From the road one sees the {seen}.",
    "Children like the {seen}, and painters like the {seen}.",
    "Between the {seen} and the sea lies the {other}.",
    "Visitors remember the {seen}.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One value of one attribute of one subject."""

    attribute: Attribute
    subject: str
    answer: str
    year: str = ""
    named_before: bool = False
    """Whether a sentence before it on its page has named the subject."""

    @property
    def sentence(self) -> str:
        """The sentence that states it on its page."""
        words = self.attribute.short if self.named_before else self.attribute.sentence
        return words.format(subject=self.subject, value=self.answer, year=self.year)

    def question(self, wording: int) -> str:
        """Return the question that it answers, in one of its two wordings."""
        return self.attribute.questions[wording].format(subject=self.subject, year=self.year)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One document, and the facts in it."""

    doc_id: str
    title: str
    facts: tuple[Fact, ...]
    remarks: tuple[str, ...] = ()
    """Sentences before the facts that answer nothing."""

    @property
    def document(self) -> Document:
        """The document as it is searched."""
        text = " ".join([*self.remarks, *(fact.sentence for fact in self.facts)])
        return Document(doc_id=self.doc_id, title=self.title, text=text)

    def fact(self, attribute: str) -> Fact:
        """Return the page's fact of an attribute."""
        return next(fact for fact in self.facts if fact.attribute.name == attribute)


class World:
    """Hands out names, each once, and writes pages about them."""

    def __init__(self, draws: Draws) -> None:
        """Cut the places into towns and names of subjects; four subjects share a name: namesakes mislead a search."""
        places, people = place_names(draws), person_names(draws)
        self.draws = draws
        self.towns, self.people = places[:TOWNS], people[:PEOPLE]
        self._directors, self._subjects = iter(people[PEOPLE:]), self._named_subjects(places[TOWNS:])
        self._used: dict[str, set[str]] = {}
        """Answers by subject: the same number for two attributes would let a wrong fact look right."""

    def _named_subjects(self, names: Sequence[str]) -> Iterator[str]:
        for turn in range(4):
            for name in names:
                yield f"{name} {self.draws.shuffled(KINDS, 'kinds', name)[turn]}"

    def subject(self) -> str:
        """Return a subject that no page is about yet."""
        return next(self._subjects)

    def director(self) -> str:
        """Return a person that no page names yet."""
        person = next(self._directors)
        self.people.append(person)
        return person

    def candidates(self, kind: str) -> tuple[str, ...]:
        """Return every name of a kind; none for numbers, where any other number is a candidate."""
        return {"town": tuple(self.towns), "person": tuple(self.people)}.get(kind, ())

    def subject_page(self, doc_id: str, subject: str, *, director: str | None = None) -> Page:
        """Write the page of a subject: five of its attributes, in an order of their own; a given director is named."""
        shuffled = self.draws.shuffled((attribute.name for attribute in SUBJECT_ATTRIBUTES), "attributes", subject)
        chosen = sorted(shuffled, key=lambda name: not (director and name == "director"))[:FACTS_PER_PAGE]
        by_name = {attribute.name: attribute for attribute in SUBJECT_ATTRIBUTES}
        facts = self._facts((by_name[name] for name in shuffled if name in chosen), subject)
        if director:
            facts = [replace(fact, answer=director) if fact.attribute.name == "director" else fact for fact in facts]
        return Page(doc_id=doc_id, title=subject, facts=tuple(facts))

    def report_page(self, doc_id: str, subject: str, year: int) -> Page:
        """Write the report of one year: the sentences of another year's with other values."""
        facts = self._facts(REPORT_ATTRIBUTES, subject, year=str(year))
        return Page(doc_id=doc_id, title=f"{subject}, report for {year}", facts=tuple(facts))

    def person_page(self, doc_id: str, person: str) -> Page:
        """Write the page of a person."""
        return Page(doc_id=doc_id, title=person, facts=tuple(self._facts(PERSON_ATTRIBUTES, person)))

    def letter_page(self, doc_id: str, seen: str) -> Page:
        """Write a letter that names a subject often and states facts about another one, which has no other page."""
        other = self.subject()
        chosen = self.draws.shuffled(range(len(SUBJECT_ATTRIBUTES)), "letter", other)[:FACTS_PER_LETTER]
        facts = self._facts((SUBJECT_ATTRIBUTES[place] for place in chosen), other)
        remarks = tuple(sentence.format(seen=seen, other=other) for sentence in _LETTER)
        return Page(doc_id=doc_id, title=f"Letter {doc_id}", facts=tuple(facts), remarks=remarks)

    def _facts(self, attributes: Iterable[Attribute], subject: str, *, year: str = "") -> list[Fact]:
        return [
            Fact(
                attribute=attribute,
                subject=subject,
                answer=self._answer(attribute, subject, year),
                year=year,
                named_before=place % 3 > 0,
            )
            for place, attribute in enumerate(attributes)
        ]

    def _answer(self, attribute: Attribute, subject: str, year: str) -> str:
        used = self._used.setdefault(subject, set())
        about = ("answer", subject, year, attribute.name)
        answers = (self._drawn(attribute.value, *about, attempt) for attempt in count())
        answer = next(answer for answer in answers if answer not in used)
        used.add(answer)
        return answer

    def _drawn(self, kind: str, *about: object) -> str:
        if kind in _NUMBERS:
            return str(self.draws.number(*_NUMBERS[kind], *about))
        return self.draws.one_of({"town": self.towns, "person": self.people[:PEOPLE]}[kind], *about)
