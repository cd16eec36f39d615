import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from docmind_core.errors import DocMindError, QuerySetError, UsageError
from docmind_core.query_sets.readers import read_query_set
from docmind_core.runs.input_check import check_input
from tests.broken_inputs import QUERY_SETS, SUITES, write_broken_set, write_broken_suite
from tests.documents import PROJECT, write_query_set

MEBIBYTES_MAX = 500
NOBODY = 65534

# VmHWM, not ru_maxrss: that one begins with the size of the process that started this one.
CHILD = """
import json, re, resource, sys
from pathlib import Path
from dagster_project.cli.main import run

resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))  # a mistake ends this process, not the machine
for path in sys.argv[1:]:
    code = run(["check", path])
    peak_kib = re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())
    print(json.dumps([code, int(peak_kib.group(1)) / 1024]))
"""


def refusal(path):
    with pytest.raises(DocMindError) as caught:
        check_input(str(path))
    return str(caught.value)


LARGE = {
    *("gzip bomb of one line", "gzip bomb of blank lines", "100,000 bad lines", "many small objects", "100 GiB"),
    *("objects without end", "evidence without end", "wide text", "a million answers"),
}


@pytest.mark.parametrize("name", [name for name in QUERY_SETS if name not in LARGE])
def test_a_broken_query_set_is_refused_with_the_place(tmp_path, name):
    _, place, word = QUERY_SETS[name]
    shown = refusal(write_broken_set(tmp_path / "set", name))

    assert any(place in line and word in line for line in shown.splitlines())
    assert shown.replace("\n", "").isprintable()
    assert len(shown) < 10_000


@pytest.mark.parametrize("name", SUITES)
def test_a_broken_suite_is_refused_with_the_place(tmp_path, name):
    _, place, word = SUITES[name]
    shown = refusal(write_broken_suite(tmp_path / "suites", name))

    assert place in shown
    assert word in shown
    assert shown.replace("\n", "").isprintable()


def test_every_refusal_stays_within_500_mb(tmp_path):
    sets = [write_broken_set(tmp_path / f"set-{number}", name) for number, name in enumerate(QUERY_SETS)]
    suites = [write_broken_suite(tmp_path / f"suite-{number}", name) for number, name in enumerate(SUITES)]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, sets + suites)],
        check=False,
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert "internal error" not in done.stderr
    spent = dict(zip([*QUERY_SETS, *SUITES], map(json.loads, done.stdout.splitlines()), strict=True))
    assert {name: code for name, (code, _) in spent.items() if code != 1} == {}
    assert {name: peak for name, (_, peak) in spent.items() if peak > MEBIBYTES_MAX} == {}
    for name in LARGE:
        assert all(part in done.stderr for part in QUERY_SETS[name][1:])


@contextmanager
def as_nobody():
    """Root may read everything, so it works as somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def reachable_folder():
    """A folder that everybody may enter; those of `tmp_path` are their owner's."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("closed", ["queries.jsonl", "documents.jsonl", "suite.yaml"])
def test_a_file_that_may_not_be_read_is_named_with_the_reason(reachable_folder, closed):
    write_query_set(reachable_folder)
    (reachable_folder / "suite.yaml").write_text("name: mine\nquery_set: python-reference\n")
    (reachable_folder / closed).chmod(0)
    path = reachable_folder / closed if closed == "suite.yaml" else reachable_folder

    with as_nobody():
        shown = refusal(path)

    assert any(closed in line and "can't be read: Permission denied" in line for line in shown.splitlines())


def test_a_folder_that_may_not_be_entered_is_one_refusal_without_a_traceback(reachable_folder):
    folder = write_query_set(reachable_folder / "set")
    folder.chmod(0)

    with as_nobody():
        shown = refusal(folder)
    folder.chmod(0o755)

    assert "Permission denied" in shown


def test_nothing_is_imported_half(tmp_path):
    folder = write_query_set(tmp_path, queries=[{"query_id": "q1", "query": "Why?"}, {"query_id": "q2"}])

    with pytest.raises(QuerySetError):
        read_query_set(folder)


def test_a_packed_set_is_the_same_set(tmp_path):
    import gzip

    plain, packed = write_query_set(tmp_path / "plain"), write_query_set(tmp_path / "packed")
    for path in list(packed.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    assert read_query_set(packed).query_set_hash == read_query_set(plain).query_set_hash


def test_a_link_within_the_folder_is_followed(tmp_path):
    folder = write_query_set(tmp_path / "set")
    (folder / "documents.jsonl").rename(folder / "v1.jsonl")
    (folder / "documents.jsonl").symlink_to("v1.jsonl")

    assert len(read_query_set(folder).documents) == 1


def test_ids_with_the_look_of_sql_html_and_paths_are_kept_as_they_are(tmp_path):
    ids = ["a'; drop table runs; --", "<script>alert(1)</script>", "/etc/passwd", "docs/intro.md", "%s {0} $x"]
    documents = [{"doc_id": name, "text": "x"} for name in ids]
    queries = [{"query_id": name, "query": "?", "gold_doc_ids": [name]} for name in ids]

    found = read_query_set(write_query_set(tmp_path, documents=documents, queries=queries))

    assert [document.doc_id for document in found.documents] == ids
    assert [query.query_id for query in found.queries] == ids


def test_a_good_suite_and_a_good_set_are_described(tmp_path):
    assert "1 documents, 1 queries" in check_input(str(write_query_set(tmp_path / "set"))).summary
    assert "5 arms on facts" in check_input("smoke").summary


def test_a_missing_key_is_a_note_not_a_problem(tmp_path, monkeypatch):
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    path = tmp_path / "suite.yaml"
    path.write_text("name: mine\nquery_set: python-reference\nengine: http://127.0.0.1:1\napi_key_env: NO_SUCH_KEY\n")

    assert ["NO_SUCH_KEY" in note for note in check_input(str(path)).notices] == [True]


def test_one_file_of_a_set_is_not_an_input_of_its_own(tmp_path):
    folder = write_query_set(tmp_path)

    with pytest.raises(UsageError, match="give the folder"):
        check_input(str(folder / "queries.jsonl"))


def test_golds_that_normalising_would_empty_are_named_in_a_note(tmp_path):
    def query(query_id, *answers):
        return {"query_id": query_id, "query": "Which?", "answers": answers, "gold_doc_ids": ["d1"]}

    queries = [query("q1", "A", "grade A"), query("q2", "=="), query("q3", "Paris", "42")]
    folder = write_query_set(tmp_path / "set", queries=queries)
    (notice,) = check_input(str(folder)).notices
    assert notice.startswith("2 accepted answers are compared exactly")
    assert notice.endswith("'A' (q1), '==' (q2)")

    (tmp_path / "suite.yaml").write_text(
        f"name: mine\nquery_set: {folder}\narms: [single_pass]\nengine: http://127.0.0.1:9\n", encoding="utf-8"
    )
    assert notice in check_input(str(tmp_path / "suite.yaml")).notices

    many = write_query_set(tmp_path / "many", queries=[query(f"q{number}", "A") for number in range(8)])
    assert check_input(str(many)).notices[0].endswith("'A' (q4) and 3 more")
    assert check_input(str(write_query_set(tmp_path / "plain"))).notices == ()
