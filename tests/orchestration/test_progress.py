"""Who hears of the progress, and how often."""

from dataclasses import replace

from dagster_project.cli.progress_display import LineObserver
from dagster_project.progress import LogObserver, describe, duration
from docmind_core.runs.progress import ArmProgress, sum_of_known


class ListLog:
    def __init__(self):
        self.lines = []

    def info(self, msg):
        self.lines.append(msg)


class SteppedClock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def progress(done, total=200, *, failed=0):
    return ArmProgress(
        arm="tuned",
        done=done,
        total=total,
        failed=failed,
        done_here=done,
        completion_tokens=done * 10,
        elapsed_s=done * 1.0,
    )


def test_the_log_of_a_run_has_a_line_per_fifty_queries():
    log = ListLog()
    observer = LogObserver(log, SteppedClock())
    observer.arm_started("tuned", done=0, total=200)
    for done in range(1, 201):
        observer.query_finished(progress(done))
    assert [line.split(",")[0] for line in log.lines[1:]] == [f"tuned: {done}/200" for done in (50, 100, 150, 200)]


def test_the_log_of_a_slow_run_has_a_line_each_half_minute():
    log, clock = ListLog(), SteppedClock()
    observer = LogObserver(log, clock)
    observer.arm_started("tuned", done=0, total=200)
    for done in range(1, 7):
        clock.now_s += 10.0
        observer.query_finished(progress(done))
    assert [line.split(",")[0] for line in log.lines[1:]] == ["tuned: 3/200", "tuned: 6/200"]


def test_a_pipe_gets_a_line_at_most_every_quarter_of_a_minute(capsys):
    clock = SteppedClock()
    observer = LineObserver(clock)
    observer.arm_started("tuned", done=2, total=8)
    for done in range(3, 9):
        clock.now_s += 9.0
        observer.query_finished(progress(done, 8))
    observer.arm_finished(progress(8, 8))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == [
        "tuned: 8 queries",
        "tuned: 4/8",
        "tuned: 6/8",
        "tuned: 8/8",
        "tuned: 8/8",
    ]


def test_a_pipe_hears_of_calls_while_all_queries_are_in_progress(capsys):
    """Eight at once end after a minute or more: until then there would be no line."""
    clock = SteppedClock()
    observer = LineObserver(clock)
    observer.arm_started("tuned", done=0, total=8)
    for second in range(1, 61):
        clock.now_s += 1.0
        observer.still_running(in_progress(second, done=second // 50))
    assert capsys.readouterr().err.splitlines()[1:] == [
        "tuned: 0/8, 15 calls, 10.0 tokens/s",
        "tuned: 0/8, 30 calls, 10.0 tokens/s",
        "tuned: 0/8, 45 calls, 10.0 tokens/s",
        "tuned: 1/8, 60 calls, 10.0 tokens/s, 7:00 left",
    ]


def in_progress(second, *, done):
    return ArmProgress(
        arm="tuned",
        done=done,
        total=8,
        failed=0,
        done_here=done,
        completion_tokens=second * 10,
        elapsed_s=second,
        calls=second,
    )


def test_a_line_of_progress_has_failures_speed_and_time_left():
    assert describe(progress(50, failed=2)) == "tuned: 50/200, 2 failed, 10.0 tokens/s, 2:30 left"
    assert describe(progress(0)) == "tuned: 0/200"


def test_a_platform_that_is_behind_says_so_and_one_that_is_only_at_work_does_not():
    assert describe(replace(progress(50), lag_s=0.84)).endswith(", platform overloaded: 0.8 s late")
    assert "late" not in describe(replace(progress(50), lag_s=0.2))


def test_a_query_of_unknown_tokens_leaves_the_speed_unknown():
    assert describe(replace(progress(50), completion_tokens=None)) == "tuned: 50/200, unknown tokens/s, 2:30 left"
    assert [sum_of_known(counts) for counts in ([], [1, 2], [1, None, 2], [0])] == [0, 3, None, 0]


def test_durations_have_hours_when_there_are_any():
    assert [duration(65), duration(7265), duration(0.4)] == ["1:05", "2:01:05", "0:00"]
