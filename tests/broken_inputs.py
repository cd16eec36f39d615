"""Query sets and suites that are broken in every way we know, each with what its refusal must say."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

from tests.documents import write_query_set

DOCUMENT = b'{"doc_id": "d2", "text": "x"}\n'
SUITE = "name: mine\nquery_set: python-reference\n"
MEBIBYTE = 2**20

Breaker = Callable[[Path], object]


def _more(name: str, content: bytes) -> Breaker:
    def breaker(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(content)

    return breaker


def _instead(name: str, content: bytes) -> Breaker:
    return lambda folder: (folder / name).write_bytes(content)


def _in_place(name: str, make: Breaker) -> Breaker:
    def breaker(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return breaker


def _link_to(target: str) -> Breaker:
    return _in_place("queries.jsonl", lambda path: path.symlink_to(target))


def _packed(content: bytes, *, cut: int | None = None) -> Breaker:
    def breaker(folder: Path) -> None:
        (folder / "documents.jsonl").unlink()
        (folder / "documents.jsonl.gz").write_bytes(gzip.compress(content, 9)[:cut])

    return breaker


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 2**30)


def _query(text: str) -> Breaker:
    return _more("queries.jsonl", text.encode() + b"\n")


def _bomb(path: Path, *, mebibytes: int, line: bytes) -> None:
    with gzip.open(path, "wb", 6) as file:
        for _ in range(mebibytes):
            file.write(line)


def _blank_bomb(folder: Path) -> None:
    (folder / "documents.jsonl").unlink()
    _bomb(folder / "documents.jsonl.gz", mebibytes=64, line=b"\n" * MEBIBYTE)


def _long_evidence(folder: Path) -> None:
    """Spans that stand at the end of a document as long as one may be."""
    with (folder / "documents.jsonl").open("a") as file:
        file.write('{"doc_id": "d2", "text": "' + "a" * (8 * MEBIBYTE - 100) + ' end"}\n')
    spans = ", ".join(['{"doc_id": "d2", "text": "a end"}'] * 1000)
    with (folder / "queries.jsonl").open("a") as file:
        for number in range(50):
            head = f'{{"query_id": "x{number}", "query": "?", "gold_doc_ids": ["d2"]'
            file.write(f'{head}, "evidence": [{spans}]}}\n')


def _wide_text(folder: Path) -> None:
    """One character beyond U+FFFF makes Python store four bytes for each of the others."""
    with (folder / "documents.jsonl").open("a", encoding="utf-8") as file:
        for number in range(14):
            file.write(f'{{"doc_id": "w{number}", "text": "\N{ROCKET}{"a" * (8 * MEBIBYTE - 100)}"}}\n')


def _a_million_answers(folder: Path) -> None:
    answers = ", ".join(f'"{number:04}"' for number in range(1000))
    with (folder / "queries.jsonl").open("a") as file:
        for number in range(2000):
            file.write(f'{{"query_id": "x{number}", "query": "?", "answers": [{answers}]}}\n')


def _line_bomb(folder: Path) -> None:
    (folder / "documents.jsonl").unlink()
    _bomb(folder / "documents.jsonl.gz", mebibytes=400, line=b"x" * MEBIBYTE)


QUERY_SETS: dict[str, tuple[Breaker, str, str]] = {
    "no queries": (lambda folder: (folder / "queries.jsonl").unlink(), "queries.jsonl", "has no file"),
    "empty documents": (_instead("documents.jsonl", b""), "documents.jsonl", "contains no documents"),
    "blank queries": (_instead("queries.jsonl", b"\n\r\n \n"), "queries.jsonl", "contains no queries"),
    "cut off": (_more("documents.jsonl", b'{"doc_id": "d2", "te'), "documents.jsonl:2", "not JSON"),
    "csv": (_more("documents.jsonl", b"d2,some text\n"), "documents.jsonl:2", "not JSON"),
    "one array": (_instead("documents.jsonl", b"[" + DOCUMENT + b"]"), "documents.jsonl", "one JSON array"),
    "latin-1": (_more("documents.jsonl", '{"doc_id": "é"}\n'.encode("latin-1")), "documents.jsonl:2", "not UTF-8"),
    "utf-16": (_instead("documents.jsonl", DOCUMENT.decode().encode("utf-16")), "documents.jsonl:1", "not UTF-8"),
    "binary": (_instead("documents.jsonl", bytes(range(256)) * 400), "documents.jsonl:1", "not"),
    "nan": (_more("documents.jsonl", b'{"doc_id": "d2", "text": "", "x": NaN}\n'), "documents.jsonl:2", "NaN"),
    "infinity": (_more("documents.jsonl", b'{"doc_id": "d2", "text": "", "x": -Infinity}\n'), "jsonl:2", "Infinity"),
    "number without end": (_more("documents.jsonl", b'{"x": ' + b"9" * MEBIBYTE + b"}\n"), "jsonl:2", "digits"),
    "key twice": (_more("documents.jsonl", b'{"doc_id": "a", "doc_id": "b", "text": ""}\n'), "jsonl:2", "duplicate"),
    "no id": (_more("documents.jsonl", b'{"text": "x"}\n'), "documents.jsonl:2: doc_id", "is missing"),
    "number as id": (_more("documents.jsonl", b'{"doc_id": 2, "text": "x"}\n'), "jsonl:2: doc_id", "text in quotes"),
    "null text": (_more("documents.jsonl", b'{"doc_id": "d2", "text": null}\n'), "jsonl:2: text", "text in quotes"),
    "id twice": (_more("documents.jsonl", DOCUMENT + DOCUMENT), "documents.jsonl:3: doc_id", "first on line 2"),
    "path as id": (_more("documents.jsonl", b'{"doc_id": "../../etc/passwd", "text": ""}\n'), "2: doc_id", "not a"),
    "windows path as id": (_more("documents.jsonl", b'{"doc_id": "..\\\\x", "text": ""}\n'), "2: doc_id", "not a"),
    "line break in id": (_more("documents.jsonl", b'{"doc_id": "a\\nb", "text": ""}\n'), "2: doc_id", "line breaks"),
    "turned id": (_more("documents.jsonl", b'{"doc_id": "a\\u202eb", "text": ""}\n'), "2: doc_id", "U+202E"),
    "escape in id": (_more("documents.jsonl", b'{"doc_id": "\\u001b[2J", "text": ""}\n'), "2: doc_id", "U+001B"),
    "huge id": (_more("documents.jsonl", b'{"doc_id": "%s", "text": ""}\n' % (b"x" * 5000)), "2: doc_id", "200"),
    "huge line": (_more("documents.jsonl", b'{"t": "' + b"x" * (20 * MEBIBYTE) + b'"}\n'), "jsonl:2", "8 MiB"),
    "deep lists": (_more("documents.jsonl", b"[" * 4_000_000 + b"\n"), "documents.jsonl:2", "nested too deeply"),
    "deep objects": (_more("documents.jsonl", b'{"a":' * 1_000_000 + b"\n"), "documents.jsonl:2", "nested too deeply"),
    "deep id": (
        _more("documents.jsonl", b'{"doc_id": ' + b"[" * 900 + b"]" * 900 + b', "text": ""}\n'),
        "documents.jsonl:2",
        "",
    ),
    "many small objects": (
        _more("documents.jsonl", b'{"x": [' + b'{"a":0},' * 900_000 + b"0]}\n"),
        "documents.jsonl:2: doc_id",
        "is missing",
    ),
    "objects without end": (
        _more("documents.jsonl", (b'{"doc_id": "d2", "text": "", "x": [' + b'{"a":0},' * 900_000 + b"0]}\n") * 8),
        "documents.jsonl:3",
        "more than 1,000,000 objects",
    ),
    "evidence without end": (_long_evidence, "queries.jsonl:2", "character comparisons"),
    "wide text": (_wide_text, "documents.jsonl:7", "192 MiB of memory"),
    "a million answers": (_a_million_answers, "queries.jsonl:", "192 MiB of memory"),
    "100,000 bad lines": (_more("documents.jsonl", b"{}\n" * 100_000), "documents.jsonl:2: doc_id", "... and"),
    "100 GiB": (_in_place("documents.jsonl", _sparse), "documents.jsonl", "limit is 128 MiB"),
    "folder as file": (_in_place("queries.jsonl", lambda path: path.mkdir()), "queries.jsonl", "is a folder"),
    "pipe as file": (_in_place("queries.jsonl", os.mkfifo), "queries.jsonl", "a device or a pipe"),
    "link outwards": (_link_to("/etc/hosts"), "queries.jsonl", "to a file outside the folder"),
    "link to a device": (_link_to("/dev/zero"), "queries.jsonl", "to a file outside the folder"),
    "link to nothing": (_link_to("gone"), "queries.jsonl", "No such file"),
    "link in a circle": (_link_to("queries.jsonl"), "queries.jsonl", "symbolic link to itself"),
    "gzip and plain": (_more("documents.jsonl.gz", gzip.compress(DOCUMENT)), "documents.jsonl", "both "),
    "no gzip": (_in_place("queries.jsonl", lambda path: path.with_suffix(".jsonl.gz").write_bytes(b"hello")), "gz", ""),
    "cut gzip": (_packed(os.urandom(1000), cut=-20), "documents.jsonl.gz", ""),
    "bad line in gzip": (_packed(DOCUMENT + b"nonsense\n"), "documents.jsonl.gz:2", "not JSON"),
    "gzip bomb of one line": (_line_bomb, "documents.jsonl.gz:1", "unpacks to more than 128 MiB"),
    "gzip bomb of blank lines": (_blank_bomb, "documents.jsonl.gz:1000001", "1,000,000 lines"),
    "empty query": (_query('{"query_id": "q2", "query": " "}'), "queries.jsonl:2: query", "must not be empty"),
    "unknown gold": (_query('{"query_id": "q2", "query": "?", "gold_doc_ids": ["d9"]}'), "2: gold_doc_ids", "'d9'"),
    "text as answers": (_query('{"query_id": "q2", "query": "?", "answers": "Paris"}'), "2: answers", "a list"),
    "word as truth": (_query('{"query_id": "q2", "query": "?", "expected_abstain": "no"}'), "expected_abstain", ""),
    "many answers": (_query('{"query_id": "q2", "query": "?", "answers": [%s""]}' % ('"a",' * 5000)), "answers", ""),
}  # fmt: skip
"""Name: what breaks a good set, where the refusal must point, and what it must say."""

SUITES: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "suite.yaml", "a suite must be a mapping"),
    "no yaml": (b"name: [1,\n", "suite.yaml:2", "not valid YAML"),
    "tab": (b"name: mine\n\tlimit: 3\n", "suite.yaml:2", "not valid YAML"),
    "alias bomb": (b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "suite.yaml:2", "aliases are not allowed"),
    "tag": (b"name: !!python/object/apply:os.system ['id']\n", "suite.yaml:1", "tags are not allowed"),
    "deep": (b"[" * 60_000, "suite.yaml:1", "nested deeper than 20"),
    "number without end": (b"limit: " + b"9" * 60_000, "suite.yaml:1", "4300 digits"),
    "day that is none": (b"name: 2026-13-45\n", "suite.yaml:1", "a date"),
    "key twice": (b"name: a\nname: b\n", "suite.yaml:2", "duplicate key"),
    "unknown key": (SUITE.encode() + b"colour: red\n", "suite.yaml:3: colour", "unknown key"),
    "escape as key": (SUITE.encode() + b'"\\e[2J": 1\n', "suite.yaml:3", "unknown key"),
    "60,000 unknown keys": (b"".join(b"k%d: 1\n" % number for number in range(7000)), "suite.yaml:1", "... and"),
    "nan": (SUITE.encode() + b"deadline_s: .nan\n", "suite.yaml:3", "not a finite number"),
    "wrong type": (SUITE.encode() + b"limit: many\n", "suite.yaml:3: limit", "should be a number"),
    "escape in a value": (b'name: mine\nquery_set: "\\e[2J"\n', "suite.yaml:2: query_set", "pattern"),
    "nul": (b"name: a\0b\n", "suite.yaml:1", "U+0000"),
    "latin-1": ("name: é\n".encode("latin-1"), "suite.yaml", "not UTF-8"),
    "large": (b"#" * 70_000, "suite.yaml", "64 KiB"),
    "key in the url": (SUITE.encode() + b"engine: http://key@host\n", "suite.yaml", "api_key_env"),
    "key in a url in capitals": (SUITE.encode() + b"engine: HTTP://key@host\n", "suite.yaml:3: engine", "api_key_env"),
    "key in the query of a url": (SUITE.encode() + b"engine: http://h/?key=k\n", "suite.yaml:3: engine", "api_key_env"),
    "engine of another scheme": (SUITE.encode() + b"engine: ftp://host\n", "suite.yaml:3: engine", "engine URL"),
    "key in place of its variable": (SUITE.encode() + b"api_key_env: sk-1\n", "suite.yaml:3: api_key_env", "variable"),
    "url as a channel": (SUITE.encode() + b"channels: ['slack://a/b']\n", "suite.yaml:3: channels", "a name here"),
    "unknown timezone": (SUITE.encode() + b"timezone: Nowhere/Land\n", "suite.yaml:3: timezone", "Europe/Berlin"),
    "unknown limit": (
        SUITE.encode() + b"limits: {wizardry: 1}\n",
        "suite.yaml:3: limits.wizardry",
        "there is no limit",
    ),
    "unknown alert": (
        SUITE.encode() + b"alerts: {wizardry: {min_n: 1}}\n",
        "suite.yaml:3: alerts.wizardry",
        "there is no limit",
    ),
    "test that does not fit": (
        SUITE.encode() + b"alerts: {reduction_pct_min: {test: binomtest}}\n",
        "suite.yaml:3: alerts.reduction_pct_min.test",
        "Use one of: ci_bound, point",
    ),
    "unknown arm": (SUITE.encode() + b"arms: [fastest]\n", "suite.yaml:3: arms.0", "unknown arm"),
    "unknown engine": (SUITE.encode() + b"engine: turbo\n", "suite.yaml:3: engine", "turbo"),
    "unknown query set": (b"name: mine\nquery_set: nowhere\n", "suite.yaml:2: query_set", "nowhere"),
}
"""Name: content, where the refusal must point, and what it must say."""


def write_broken_set(folder: Path, name: str) -> Path:
    """Write a good query set and break it."""
    write_query_set(folder)
    QUERY_SETS[name][0](folder)
    return folder


def write_broken_suite(folder: Path, name: str) -> Path:
    """Write a broken suite file."""
    folder.mkdir(parents=True)
    path = folder / "suite.yaml"
    path.write_bytes(SUITES[name][0])
    return path
