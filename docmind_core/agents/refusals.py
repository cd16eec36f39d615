"""When an answer counts as "the documents don't say": one definition, for agents and scorers."""

import json
import re

REFUSAL_SENTENCE = "The documents do not answer this."
REFUSAL_RULES_VERSION = "5"
"""Stored in the manifest of each run, so that counts of two versions can be distinguished."""
_LENGTH_MAX = 2_000
"""Characters; a longer text answers something."""


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_GIVEN = r"(?:provided|given|supplied|retrieved|available|shared|presented|above|following|cited)"
_GIVEN_AFTER = rf"(?:(?: that| which)?(?: you| i)?(?: have| has| was| were| are)?(?: been)? {_GIVEN}(?: to me)?)"
_PAPERS = r"(?:documents?|passages?|contexts?|sources?|excerpts?|materials?|snippets?|articles?|documentation)"
_WORDS = r"(?:texts?|information|content|data)"
_THE = r"(?:the|these|those|this|any|your|all|both|either|each)"
_SOURCES = _any(
    rf"\b(?:(?:any|all|both|either) of )?{_THE} (?:{_GIVEN} )*(?:\w+ )?{_PAPERS}\b{_GIVEN_AFTER}?(?: \[?\d+\]?)?",
    rf"\b(?:{_THE} )?(?:{_GIVEN} )+(?:{_PAPERS}|{_WORDS})\b",
    rf"\b(?:{_THE} )?{_WORDS}{_GIVEN_AFTER}",
    r"\b(?:passage|document|source) \[?\d+\]?",
    r"\b(?:passages|documents|sources|excerpts)\b",
    r"(?<=\bin )the text$",
)
_ADVERBS = re.compile(
    r"\b(?:explicitly|directly|specifically|clearly|actually|currently|really|also|further|itself|themselves|therefore|"
    r"appear to|seem to|even|any|sufficient|enough|explicit|specific|direct|relevant|additional|such|exact|"
    r"clear(?= (?:mention|information|answer|evidence)))\b ?"
)
_LEAD = re.compile(
    r"^(?:(?:unfortunately|sorry|hmm|well|okay|ok|regrettably|however|therefore|thus|hence|so|answer|final answer|"
    r"no(?=,)|and|"
    r"then|overall|my apologies|apologies|"
    r"i(?:'m| am) (?:very |so )?(?:sorry|afraid)(?: that)?|i apologi[sz]e|as such|in short|"
    r"(?:based|according|judging|going)(?: solely| only| purely)? (?:on|to|by|from) [^,:]{1,60}|"
    r"(?:from|after|given|in|with|using) [^,:]{1,60}|"
    r"as an? [^,:]{1,60}|it (?:seems|appears|looks)(?: like| that)?|while|although|though|even though|since|because|as)"
    r"(?:[,:] ?| |$))"
)
_SAY = (
    r"(?:answer|contain|hold|say|state|mention|provide|specify|include|describe|tell|cover|address|discuss|give|list|"
    r"indicate|reveal|disclose|have|offer|refer|define|explain|report|name|identify|touch|show|supply|clarify)"
)
_SAID = (
    r"(?:answered|stated|mentioned|specified|contained|provided|found|described|determined|given|included|available|"
    r"disclosed|indicated|listed|present|discussed|covered|addressed|inferred|known|ascertained|identified|reported|"
    r"deduced|derived|located|established|documented|noted|named|part of|in)"
)
_LEARN = (
    r"(?:answer|determine|find|say|tell|help|provide|confirm|identify|locate|see|give|know|verify|infer|deduce|specify|"
    r"establish|access|respond|conclude|state)"
)
_NEWS = r"(?:mentions?|information|info|details?|references?|answers?|evidence|indication|figures?|facts?|data|context)"
_OF = r"(?: (?:of|about|on|for|regarding|concerning|related to|relating to|as to|to|in|from|that)\b.*)?"
_DO_NOT = r"(?:do|does|did)(?: not|n't)"
_CANNOT = (
    r"(?:cannot|can't|can not|couldn't|could not|(?:am|'m|was|were|is)?(?: ?not able| ?unable) to"
    r"|(?:is|was) not possible to)"
)
_THAT = r"(?:it|this|that|the answer|(?:this|that|the) (?:information|detail|question))"

_ASKING = r"(?:who|what|how|when|which|where|why|whether)"
_MORE = r"(?!say (?:\w+ )?(?:more|else)\b)"

_REFUSAL = _any(
    rf"SRC (?:{_DO_NOT}|never|fails? to|cannot|can't) {_MORE}(?:\w+ )?{_SAY}\b.*",
    r"SRC (?:lacks?|omits?|(?:is|are) silent)\b.*",
    r"SRC (?:contains?|provides?|gives?|offers?|includes?|makes?|has|have|says?|holds?) (?:no|nothing)\b.*",
    rf"(?:none of SRC|neither (?:SRC|{_PAPERS})|no {_PAPERS}|nothing in SRC) (?:{_SAY}s?|specifies|addresses|"
    r"touches)\b.*",
    rf".{{1,120}}?(?: not|n't)(?: \w+)? {_SAID}(?: anywhere)? (?:(?:in|by|from|with|among) )?SRC",
    rf"the text {_DO_NOT} (?:mention|say|state|specify|answer|tell|indicate|reveal|disclose|discuss)\b.*",
    rf"SRC (?:is|are) (?:insufficient|not) (?:to|for) {_LEARN}\b.*",
    rf"{_THAT}(?: is| was|'s)(?: not|n't) (?:\w+ )?{_SAID}"
    rf"(?: (?:in|by|from) SRC| {_ASKING}\b.*)?",
    rf"(?:it is|it's|it remains) (?:not clear|unclear)\b.*(?:SRC|{_ASKING}).*",
    rf"(?:the )?{_NEWS}{_OF} (?:is|are|was|were)(?: not|n't) {_SAID}(?: (?:in|by|from) SRC)?",
    rf"{_CANNOT} answer(?: (?:this|that|the question|it)\b.*)?",
    r"no .{1,60} (?:is|are|was|were) (?:given|provided|mentioned|specified|stated|listed)",
    rf"(?:there(?: is| was| are| were|'s)? ?)?(?:no|not|not an?|isn't|wasn't|aren't|insufficient|n't) {_NEWS}{_OF}"
    rf"(?: (?:is|was|are|were) {_SAID}(?: (?:in|by|from) SRC)?)?",
    rf"(?:there(?: is| was| are| were|'s) )?no .{{1,80}} {_SAID} (?:(?:in|by|from) )?SRC",
    rf"no {_NEWS}(?: (?:is|was|are|were))? (?:found|given|available|provided|present|mentioned)",
    rf"(?:it is |it's |it was )?(?:not possible|impossible) to {_LEARN}\b.*SRC",
    rf"(?:it is |it's |it was )?(?:not possible|impossible) to {_LEARN}"
    r"(?: (?:this|that|it|the|which|what|how|when|where|who|whether|if)\b.{0,80})?",
    rf"(?:.{{1,120}}? )?{_CANNOT} be {_SAID} (?:in|by|from|with|based on|using|on) SRC",
    rf"(?:{_THAT} )?{_CANNOT} be {_SAID}",
    rf"(?:i|we)(?: have|'ve)?(?: am| was| were| are|'m|'re)? ?{_CANNOT} {_LEARN}\b.*",
    rf"(?:i|we) (?:do not|don't|did not|didn't) (?:have access\b.*|"
    r"know(?: (?:the|this|that|for sure|who|what|how|when|which|where|why)\b.*)?|"
    r"(?:see|find|have) (?:an? |the |that |this )?"
    rf"{_NEWS}\b.*)",
    r"(?:i|we) (?:have|had|found|see|saw|find|know of) (?:no|nothing|not|insufficient)\b.*",
    rf"(?:i|we) (?:would )?need more {_NEWS}\b.*",
    r"(?:i(?:'m| am)|we are) not (?:sure|certain)(?: about (?:this|that|it))?",
    rf"(?:unknown|unclear|unanswerable|undetermined|n/?a|not applicable|idk|no data|not (?!in$){_SAID}|"
    rf"not in SRC|no {_NEWS}|{_NEWS} not {_SAID})",
    rf"not {_SAID} (?:in|by|from) SRC",
    rf"insufficient {_NEWS}.*",
)
"""A clause that says so, after sources became SRC and adverbs went."""
_SAYS_NOT = _any(
    rf"(?:(?:they|it|these|which|both|this|that) )?(?:{_DO_NOT} {_MORE}(?:\w+ )?{_SAY}|(?:is|are) silent)\b.*",
    r"(?:(?:they|it) )?(?:say|contain|provide|give|mention|offer|include)s? (?:no|nothing)\b.*",
    rf"not (?:its|the|their|his|her|{_ASKING})\b.*",
    rf".{{1,60}} (?:is|are|was|were)(?: not|n't) {_SAID}",
)
"""The same of sources named in the clause before."""
_DESCRIBES = _any(
    r"(?:SRC|they|it) (?:only |mainly |mostly |just |all |do |does |generally )*(?:discuss|describe|talk|cover|"
    r"focus|deal|concern|(?:is|are) about|address|explain|relate|mention|"
    r"(?:provide|contain) (?:\w+ )?(?:information|details))\w*\b.*",
    r".{1,80} (?:is|are) mentioned(?: in SRC)?",
    r"SRC",
)
_POLITE = _any(
    r"(?:no)?",
    r"(?:i(?:'m| am) )?(?:very |so )?sorry.{0,20}",
    r"i apologi[sz]e.{0,40}",
    r"(?:my )?apologies.{0,40}",
    r"(?:please|could you|can you|would you|if you|let me know|feel free|you (?:may|might|could|can|should)|is there|"
    r"i (?:recommend|suggest|would need|need)|thank|i hope|the question (?:asks|is))\b.*",
)
_AS_READ = " in SRC"
_SENTENCE = re.compile(r"(?<=[.!?])[\s\"']+|\n+")
_CLAUSE = re.compile(
    r"[,;:]? (?:but|however|though|so|yet|nevertheless|therefore)\b,? ?|[;:] |, (?=not\b)|"
    r", (?=(?:it|this|that|they|there|i|he|she|the [\w' ]{1,40}?)"
    r" (?:is|was|are|were|has|have|think|believe|can|will|would)\b)|"
    r" [-\N{EM DASH}\N{EN DASH}] |\N{EM DASH}"
)
_CONCEDED = re.compile(r"^((?:while|although|though|even though|since|because|as)\b[^,]*), ")
_NO_TEXT = re.compile(r"[*_\"`]|</?\w+>|\[\d+(?:, ?\d+)*\]")


def is_refusal(answer: str) -> bool:
    """Return whether an answer says that the documents don't hold it, and nothing else.

    Every clause must say so, describe what the documents are about, or be polite: "The passages do not mention it, but
    it is 42" is an answer. An empty answer says nothing, so no.
    """
    if not 0 < len(answer) <= _LENGTH_MAX:
        return False
    plain = _from_json(answer).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").lower()
    refused = described = False
    for clause in (clause for sentence in _SENTENCE.split(plain) for clause in _clauses(sentence)):
        if _refuses(clause) or (described and _SAYS_NOT.fullmatch(clause)):
            refused = described = True
        elif _DESCRIBES.fullmatch(clause):
            described = True
        elif not _POLITE.fullmatch(clause):
            return False
    return refused


def _clauses(sentence: str) -> list[str]:
    sentence = " ".join(_NO_TEXT.sub(" ", sentence).split())
    conceded = _CONCEDED.match(sentence)
    parts = [conceded[1], sentence[conceded.end() :]] if conceded else [sentence]
    return [_bare(clause) for part in parts for clause in _CLAUSE.split(part)]


def _refuses(clause: str) -> bool:
    return any(_REFUSAL.fullmatch(part) for part in (clause, clause.removesuffix(_AS_READ)))


def _bare(clause: str) -> str:
    """Return a clause without what leads to it and without adverbs; what was read is SRC, also where it leads."""
    clause, led = clause.strip(" .,;:!?'()-"), ""
    while lead := _LEAD.match(clause):
        led = _AS_READ if _SOURCES.search(lead[0]) else led
        clause = clause[lead.end() :].strip(" ,:")
    bare = _ADVERBS.sub("", _SOURCES.sub("SRC", clause)).strip()
    return f"{bare}{led}" if bare else led.removeprefix(" in ")


def _from_json(answer: str) -> str:
    """Return what a JSON object gives as its answer; null is a refusal."""
    bare = re.sub(r"\A\s*```\w*\s*|\s*```\s*\Z", "", answer).strip()
    if not bare.startswith("{"):
        return answer
    try:
        fields = json.loads(bare)
    except (ValueError, RecursionError):
        return answer
    if "answer" not in fields:
        return answer
    return "unknown" if fields["answer"] is None else str(fields["answer"])
