import pytest

from docmind_core.serving.engine_state import failure_lines, last_words, progress_line

LOG = """\
Triton is installed, but doesn't include CPU backend. Disabling Triton.
\x1b[0;36m(APIServer pid=10616)\x1b[0;0m INFO 11-22 09:43:02 [model.py:2152] Using max model len 8192
(APIServer pid=10616) WARNING 11-22 09:43:02 [cpu.py:224] Triton is not installed. triton-cpu is expected on x86.
(Worker pid=10962) INFO 11-22 09:43:53 [default_loader.py:501] Loading weights took 2.72 seconds
(EngineCore pid=10905) INFO 11-22 09:43:27 [ompmultiprocessing.py:185] \treserved_cpus=[]
Loading safetensors checkpoint shards: 100% Completed | 1/1 [00:02<00:00,  2.70s/it]
"""
CRASH = """\
(EngineCore pid=7) ERROR 11-22 09:43:53 [core.py:9] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-22 09:43:53 [core.py:9] ValueError: No available memory for the cache blocks.
(EngineCore pid=7) ValueError: No available memory for the cache blocks.
(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
docmind keeper: the engine exited on its own, exit code 1
"""


@pytest.fixture
def log(tmp_path):
    def write(text):
        path = tmp_path / "engine.log"
        path.write_text(text, "utf-8")
        return path

    return write


def test_progress_is_the_last_report_without_its_decoration(log):
    assert progress_line(log(LOG)) == "Loading weights took 2.72 seconds"


def test_progress_is_cut_to_a_width(log):
    assert progress_line(log(LOG), width=7) == "Loading"


def test_there_is_no_progress_before_the_first_report(log, tmp_path):
    assert progress_line(log("Triton is installed\n")) == ""
    assert progress_line(tmp_path / "none.log") == ""


def test_a_crash_is_reported_by_its_root_cause_once(log):
    assert failure_lines(log(LOG + CRASH)) == ["ValueError: No available memory for the cache blocks."]


def test_a_refused_option_is_reported(log):
    text = "usage: vllm serve [options]\nvllm: error: unrecognized arguments: --nonsense\n"

    assert failure_lines(log(text)) == ["vllm: error: unrecognized arguments: --nonsense"]


def test_without_a_named_error_the_last_lines_are_reported(log, tmp_path):
    killed = "docmind keeper: the engine exited on its own, exit code -9"
    assert failure_lines(log(f"one\ntwo\n{killed}\n")) == ["two", killed]
    assert failure_lines(log("")) == []
    assert failure_lines(tmp_path / "none.log") == []


def test_a_dead_core_is_reported_by_what_killed_it_and_not_by_those_who_noticed(log):
    noticed = "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause."  # noqa: E501
    text = f"(EngineCore pid=7) torch.OutOfMemoryError: Tried to allocate 2 GiB\n(APIServer pid=1) {noticed}\n"
    ended = "docmind keeper: the engine exited on its own, exit code 1"

    assert last_words(log(text)) == ["torch.OutOfMemoryError: Tried to allocate 2 GiB"]
    assert last_words(log(f"{text}{ended}\n")) == ["torch.OutOfMemoryError: Tried to allocate 2 GiB", ended]
    assert last_words(log("")) == []
