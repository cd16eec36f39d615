"""Play nights under the real daemon, with a commit that makes a prompt worse for the third one.

    .venv/bin/python -m scripts.three_nights [MINUTES]

In a clone of this project `docmind ui`, which holds Dagster's daemon, runs a suite of 120 questions by its schedule,
every two minutes or as many as you say; the first night is pinned as the baseline. For the third one a line of the
prompt `answer.md` is committed that makes the stand-in engine answer worse, and reverted afterwards. Ends with 1 unless
a webhook on loopback got one message that names the third night and the prompt, and one that it is resolved. Writes
what was said into docs/alerts.md, and pictures of the history into docs/img (with Chromium).
"""

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from docmind_core.settings import Settings, child_environment
from docmind_core.tables.reading import query_rows
from scripts.screenshots import Page, find_browser, running_ui, take
from tests.alerts.webhook import Webhook
from tests.documents import PROJECT, write_query_set
from tests.fakes.engine_server import FakeEngine

PAGE = PROJECT / "docs" / "alerts.md"
PROMPT = "docmind_core/agents/prompts/answer.md"
GOOD, BAD = "Use only what the passages say.", "Use whatever you happen to know."
QUESTIONS = 120
COLOURS = ("teal", "amber", "ivory", "coral", "olive")
WRONG_BY_CHANCE, WRONG_BY_THE_PROMPT = 0.06, 0.35
NIGHT_S = 900
"""How long to wait for one night at most."""
MINUTES = 2
NIGHT = """select any_value(git_sha), avg(value) from measurements join runs using (run_id)
where run_id = $run_id and metric = 'passed'"""


@dataclass(kw_only=True)
class Stage:
    """A clone of the project and a home, with what a person types there."""

    folder: Path
    webhook: Webhook
    shown: list[str] = field(default_factory=list)
    nights: list[str] = field(default_factory=list)
    """Benchmark runs that were seen to end."""

    @property
    def clone(self) -> Path:
        """The checkout that runs."""
        return self.folder / "docmind-eval"

    @property
    def home(self) -> Settings:
        """The home that it writes to."""
        return Settings(home=self.folder / "home")

    @property
    def environment(self) -> dict[str, str]:
        """What makes a child process run the clone on the home."""
        return {
            "DOCMIND_HOME": str(self.home.home),
            "DOCMIND_CHANNEL_OPS": self.webhook.url,
            "PYTHONPATH": str(self.clone),
        }

    def docmind(self, *arguments: str) -> str:
        """Type a command of the clone; return what it printed."""
        command = [sys.executable, "-m", "dagster_project.cli", *arguments]
        environment = child_environment(**self.environment)
        done = subprocess.run(command, cwd=self.clone, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"docmind {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def git(self, *arguments: str) -> str:
        """Type a git command in the clone."""
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        command = ["git", "-C", str(self.clone), *who, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def tell(self, line: str) -> None:
        """Add a line to the transcript, without this machine's paths."""
        text = re.sub(r"\s+$", "", line.replace(str(self.home.home), "~/.docmind").replace(str(self.folder), "~"))
        print(text, flush=True)
        self.shown.append(text)


def main() -> int:
    """Play the nights; 0 when exactly what should be said was said."""
    browser = find_browser()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, FakeEngine(reply=answer) as engine:
        webhook = Webhook()
        stage = Stage(folder=Path(folder), webhook=webhook)
        try:
            subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(stage.clone)], check=True)
            write_suite(stage, engine, int(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)
            problems = list(play(stage, browser))
        finally:
            webhook.close()
    if not problems:
        write_transcript("\n".join(stage.shown))
    print("\n".join(problems) or "one message named the third night and its prompt, one that it is resolved")
    return 1 if problems else 0


def answer(body: dict[str, Any]) -> str:
    """Answer from the passages; by chance, and more often with the bad prompt, something else."""
    text = "\n".join(str(message["content"]) for message in body["messages"])
    asked = re.findall(r"What is the colour of thing (\d+)\?", text)
    found = re.search(rf"The colour of thing {asked[-1]} is (\w+)", text) if asked else None
    if found is None:
        return "unknown"
    wrong = WRONG_BY_THE_PROMPT if BAD in text else WRONG_BY_CHANCE
    return random.choice(COLOURS) if random.random() < wrong else found[1]


def write_suite(stage: Stage, engine: FakeEngine, minutes: int) -> None:
    """Write the suite `nights` and its questions into the home."""
    things = [(number, COLOURS[number * 7 % len(COLOURS)]) for number in range(QUESTIONS)]
    write_query_set(
        stage.home.home / "suites" / "things",
        documents=[{"doc_id": f"d{n}", "text": f"The colour of thing {n} is {colour}."} for n, colour in things],
        queries=[
            {
                "query_id": f"q{n}",
                "query": f"What is the colour of thing {n}?",
                "answers": [colour],
                "gold_doc_ids": [f"d{n}"],
            }
            for n, colour in things
        ],
    )
    suite = {
        "name": "nights",
        "query_set": "things",
        "engine": engine.url,
        "arms": ["single_pass"],
        "limits": {"pass_ratio_min": 0.5},
        "schedule": f"*/{minutes} * * * *",
        "channels": ["ops"],
    }
    (stage.home.home / "suites" / "nights.yaml").write_text(json.dumps(suite))


def play(stage: Stage, browser: str) -> Iterator[str]:
    """Play all nights and take the pictures; yield what is not as it should be."""
    suite = str(stage.home.home / "suites" / "nights.yaml")
    stage.docmind("bench", suite, "--aa", "single_pass")
    stage.tell(
        "$ docmind bench nights.yaml --aa single_pass      # what chance moves; all that follows is the schedule's"
    )
    stage.nights += night_keys(stage)
    with running_ui(cwd=stage.clone, **stage.environment) as address:
        first = next_night(stage)
        stage.docmind("baseline", "pin", f"{first}.single_pass", "--reason", "release 1.0")
        stage.tell(f'$ docmind baseline pin {first}.single_pass --reason "release 1.0"')
        next_night(stage)
        with changed_prompt(stage):
            third = next_night(stage)
        wait_for("the message of the third night", lambda: stage.webhook.posted)
        say(stage, stage.webhook.posted[0])
        yield from refusals(stage, third)
        while len(stage.webhook.posted) < 2:
            latest = next_night(stage)
        say(stage, stage.webhook.posted[1])
        if [post["title"].partition(" in ")[0] for post in stage.webhook.posted] != [
            "DocMind Eval: 1 firing",
            "DocMind Eval: 1 resolved",
        ]:
            yield f"other messages than one firing and one resolved: {stage.webhook.posted}"
        take(browser, address, pictures(latest))


def refusals(stage: Stage, third: str) -> Iterator[str]:
    """Yield what the one message of the third night lacks."""
    message = stage.webhook.posted[0]["message"]
    for part in (
        "quality_worse",
        f"first bad run {third}.single_pass",
        "prompt answer ",
        "worst queries",
        "docmind compare",
    ):
        if part not in message:
            yield f"the message lacks {part!r}: {message}"
    _, rows = query_rows(stage.home, "select git_sha from runs where benchmark_run = $key", {"key": third})
    if rows != [(stage.git("rev-parse", "HEAD~1"),)]:
        yield f"the third night did not run on the bad commit: {rows}"


@contextmanager
def changed_prompt(stage: Stage) -> Iterator[None]:
    """Commit a worse line of the prompt, and revert that when its night is over."""
    prompt = stage.clone / PROMPT
    prompt.write_text(prompt.read_text().replace(GOOD, BAD))
    stage.git("commit", "--quiet", "--all", "--message", "Let the model use what it knows")
    stage.tell(f"$ git commit -am 'Let the model use what it knows'      # in answer.md: {BAD}")
    night = stage.git("rev-parse", "HEAD")
    yield
    stage.git("revert", "--no-edit", night)
    stage.tell(f"$ git revert {night[:12]}")


def next_night(stage: Stage) -> str:
    """Wait for the end of the next scheduled night; return its key."""
    wait_for("the next night", lambda: [key for key in night_keys(stage) if key not in stage.nights])
    key = next(key for key in night_keys(stage) if key not in stage.nights)
    stage.nights.append(key)
    ((commit, passed),) = query_rows(stage.home, NIGHT, {"run_id": f"{key}.single_pass"})[1]
    stage.tell(f"  {key}: pass ratio {passed:.2f}, commit {str(commit)[:7]}")
    return key


def night_keys(stage: Stage) -> list[str]:
    """Return the benchmark runs that have their report, the last thing that each makes; oldest first."""
    return sorted(page.parent.name for page in stage.home.reports.glob("2*/index.html"))


def wait_for(what: str, has_happened: Callable[[], object]) -> None:
    """Wait for something to have happened, or end with what it was."""
    until = time.monotonic() + NIGHT_S
    while not has_happened():
        if time.monotonic() > until:
            sys.exit(f"{what}: not within {NIGHT_S} s")
        time.sleep(1)


def say(stage: Stage, post: dict[str, str]) -> None:
    """Put a message into the transcript as the webhook got it."""
    stage.tell("")
    stage.tell(f"  POST to the channel ops: {post['title']}")
    for line in post["message"].splitlines():
        stage.tell(f"  {line}")
    stage.tell("")


def pictures(key: str) -> dict[str, Page]:
    """Return what is pictured: the history in the report, and in the metadata of its asset."""
    return {
        "history-report.png": Page(path=f"reports/{key}/index.html#history", shows="Last runs", width=1100, height=520),
        "history-asset.png": Page(
            path="assets/performance_report?view=events", shows="guide_grade", click_in_row="history", height=800
        ),
    }


def write_transcript(shown: str) -> None:
    """Put what was shown into the page."""
    block = f"<!-- transcript: three-nights -->\n```\n{shown}\n```\n<!-- end -->"
    pattern = r"<!-- transcript: three-nights -->.*?<!-- end -->"
    PAGE.write_text(re.sub(pattern, lambda _: block, PAGE.read_text("utf-8"), flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
