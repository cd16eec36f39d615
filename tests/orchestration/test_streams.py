"""What commands print can always be written, or fails in one line: closed, full and ended outputs, other encodings."""

import subprocess
import sys

import pytest

from docmind_core.settings import child_environment


def docmind(*arguments, shell, home, **environment):
    """Run the command line by a shell, whose `$DOCMIND` it is."""
    command = f'"{sys.executable}" -m dagster_project.cli {" ".join(arguments)} {shell}'
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=child_environment(DOCMIND_HOME=str(home), **environment),
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("shell", "code", "lines"),
    [(">&-", 0, 0), ("2>&-", 0, 0), (">&- 2>&- <&-", 0, 0), ("> /dev/full", 1, 1), ("| head -c 1", 1, 0)],
)
@pytest.mark.parametrize("command", ["suites"])
def test_an_output_that_takes_nothing_ends_a_command_in_one_line_or_none(tmp_path, command, shell, code, lines):
    done = docmind(command, shell=shell, home=tmp_path)

    said = done.stderr.decode().splitlines()
    assert len(said) <= lines
    assert done.returncode == code or ("head" in shell and done.returncode == 0)
    assert all(line.startswith("docmind: can't write to standard output: No space left") for line in said)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp1252", "utf-8"])
def test_a_terminal_of_any_encoding_is_written_to(tmp_path, encoding):
    done = docmind("suites", shell="", home=tmp_path, PYTHONIOENCODING=encoding)

    assert (done.returncode, done.stderr) == (0, b"")
    assert "smoke" in done.stdout.decode(encoding)
    assert ("─" if encoding == "utf-8" else "---") in done.stdout.decode(encoding)


def test_an_error_is_one_line_for_a_terminal_without_its_characters(tmp_path):
    done = docmind("check", "'naïve – set'", shell="", home=tmp_path, PYTHONIOENCODING="latin-1", LC_ALL="C")

    assert done.returncode == 2
    (line,) = done.stderr.decode("latin-1").splitlines()
    assert "naïve - set" in line
