"""Kill a benchmark, resume it, and show that Dagster's UI tells one consistent history: python -m scripts.resumed_run.

Makes the pictures docs/img/resumed-run*.png in headless Chromium, on a stand-in engine and a home of its own, after the
UI's own interface has confirmed what they show. Ends with 1 when it doesn't.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from docmind_core.settings import Settings
from docmind_core.tables.reading import query_rows
from scripts.scenes.interruptions import killed
from scripts.screenshots import Page, ask_ui, find_browser, running_ui, take
from scripts.transcript_stage import Stage
from tests.fakes.engine_server import FakeEngine

QUESTION = """query($key: String!) {
  runsOrError(filter: {tags: [{key: "dagster/partition", value: $key}]}) {
    ... on Runs { results { runId status } }
  }
  assetNodes {
    assetKey { path }
    partitionKeys
    assetMaterializations(partitions: [$key]) { runId }
  }
}"""


def main() -> int:
    """Play it, look, take the pictures; 0 when the history is as it should be."""
    browser = find_browser()
    with tempfile.TemporaryDirectory() as folder, FakeEngine() as engine:
        stage = Stage(Path(folder), engine)
        stage.write_suite(arms=["single_pass", "tuned"])
        killed(stage)
        (key,) = (path.name for path in (stage.home / "benchmarks").iterdir())
        print(stage.shown("bench", "toy.yaml", "--resume", key))
        problems = list(lost_queries(Settings(home=stage.home)))
        with running_ui(DOCMIND_HOME=str(stage.home)) as address:
            problems += history_problems(ask_ui(address, QUESTION, key=key), key)
            take(browser, address, pages(key))
    print("\n".join(problems) or "one dead run, one that resumed, one key; every asset once, every query once")
    return 1 if problems else 0


def pages(key: str) -> dict[str, Page]:
    """Return what is pictured of the run `key`."""
    return {
        "resumed-run.png": Page(path="runs", shows="Failure", width=1600, height=640),
        "resumed-run-asset.png": Page(
            path=f"assets/agent_runs?view=partitions&partition={key}", shows=key, width=1600, height=900
        ),
    }


def history_problems(answer: dict[str, Any], key: str) -> list[str]:
    """Return what is not as it should be after one kill and one resumption."""
    runs = [(run["status"], run["runId"]) for run in reversed(answer["runsOrError"]["results"])]
    problems = []
    if [status for status, _ in runs] != ["FAILURE", "SUCCESS"]:
        problems.append(f"runs of {key}: {runs}; expected a failure, then a success")
    for asset in answer["assetNodes"]:
        name = "/".join(asset["assetKey"]["path"])
        made = [entry["runId"] for entry in asset["assetMaterializations"]]
        if asset["partitionKeys"] != [key]:
            problems.append(f"{name}: keys {asset['partitionKeys']}; expected {key} alone")
        if not runs or made.count(runs[-1][1]) != 1:
            problems.append(f"{name}: materialised by {made}; expected once by the resumed run")
    return problems


def lost_queries(home: Settings) -> list[str]:
    """Return what is wrong with the queries in the tables."""
    counts = (
        "select run_id, count(*), count(distinct query_id) from query_runs "
        "where status = 'answered' and phase = 'measured' group by 1"
    )
    return [
        f"{run_id}: {rows} rows of {queries} queries"
        for run_id, rows, queries in query_rows(home, counts)[1]
        if (rows, queries) != (4, 4)
    ]


if __name__ == "__main__":
    sys.exit(main())
