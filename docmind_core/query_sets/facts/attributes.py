"""What the documents of `facts` say of a subject: one sentence a fact, and two ways to ask for it.

The second way uses other words than the sentence: a search by words then has less to go by.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One kind of fact."""

    name: str
    value: str
    """Kind of its values: year, town, person or count."""
    sentence: str
    short: str
    """The sentence after one that has named the subject."""
    questions: tuple[str, str]


SUBJECT_ATTRIBUTES = (
    Attribute(
        name="opened",
        value="year",
        sentence="The {subject} opened in {value}.",
        short="It opened in {value}.",
        questions=("In which year did the {subject} open?", "What is the opening year of the {subject}?"),
    ),
    Attribute(
        name="town",
        value="town",
        sentence="The {subject} is in the town of {value}.",
        short="It is in the town of {value}.",
        questions=("In which town does the {subject} stand?", "Where is the {subject}?"),
    ),
    Attribute(
        name="director",
        value="person",
        sentence="The director of the {subject} is {value}.",
        short="Its director is {value}.",
        questions=("Who is the director of the {subject}?", "Who runs the {subject}?"),
    ),
    Attribute(
        name="staff",
        value="count",
        sentence="The {subject} employs {value} people.",
        short="It employs {value} people.",
        questions=("How many people does the {subject} employ?", "How many people work at the {subject}?"),
    ),
    Attribute(
        name="rooms",
        value="count",
        sentence="The {subject} has {value} rooms.",
        short="It has {value} rooms.",
        questions=("How many rooms does the {subject} have?", "How many rooms are in the {subject}?"),
    ),
    Attribute(
        name="lamps",
        value="count",
        sentence="At night {value} lamps light the {subject}.",
        short="At night {value} lamps light it.",
        questions=("How many lamps light the {subject}?", "How many lamps does the {subject} have?"),
    ),
)
REPORT_ATTRIBUTES = (
    Attribute(
        name="manager",
        value="person",
        sentence="In {year} the manager of the {subject} was {value}.",
        short="In {year} its manager was {value}.",
        questions=("Who was the manager of the {subject} in {year}?", "Who led the {subject} in {year}?"),
    ),
    Attribute(
        name="visitors",
        value="count",
        sentence="In {year} the {subject} had {value} visitors.",
        short="In {year} it had {value} visitors.",
        questions=(
            "How many visitors did the {subject} have in {year}?",
            "How many people came to the {subject} in {year}?",
        ),
    ),
    Attribute(
        name="concerts",
        value="count",
        sentence="In {year} the {subject} gave {value} concerts.",
        short="In {year} it gave {value} concerts.",
        questions=(
            "How many concerts did the {subject} give in {year}?",
            "How many concerts were at the {subject} in {year}?",
        ),
    ),
    Attribute(
        name="prizes",
        value="count",
        sentence="In {year} the {subject} won {value} prizes.",
        short="In {year} it won {value} prizes.",
        questions=(
            "How many prizes did the {subject} win in {year}?",
            "How many prizes went to the {subject} in {year}?",
        ),
    ),
)
PERSON_ATTRIBUTES = (
    Attribute(
        name="birthplace",
        value="town",
        sentence="{subject} was born in the town of {value}.",
        short="{subject} was born in the town of {value}.",
        questions=("In which town was {subject} born?", "Where was {subject} born?"),
    ),
    Attribute(
        name="birth",
        value="year",
        sentence="{subject} was born in {value}.",
        short="{subject} was born in {value}.",
        questions=("In which year was {subject} born?", "Since which year has {subject} lived?"),
    ),
    Attribute(
        name="letters",
        value="count",
        sentence="{subject} wrote {value} letters.",
        short="{subject} wrote {value} letters.",
        questions=("How many letters did {subject} write?", "How many letters are by {subject}?"),
    ),
)
