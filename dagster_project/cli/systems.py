"""`docmind systems`: check that a user's system can be measured."""

from typing import TYPE_CHECKING

import click

from dagster_project.cli import completion
from dagster_project.cli.terminal_text import json_option, print_rows

if TYPE_CHECKING:
    from docmind_core.runs.system_probe import ProbedSystem


@click.group(short_help="Measure agent systems of your own.")
def systems() -> None:
    """Measure systems of your own: the entries of `systems:` in a suite.

    \b
    Example:
      docmind systems check ./my-suite.yaml
    """


@systems.command()
@click.argument("suite", shell_complete=completion.suites)
@click.option("--engine", metavar="URL|PROFILE", help="URL of a running server, or the engine profile to start.")
@click.option("--model", metavar="NAME", help="Model to request; by default the only one the engine serves.")
@click.option("--api-key-env", metavar="NAME", help="Name of the environment variable that holds the engine's API key.")
@json_option
def check(suite: str, as_json: bool, **changes: object) -> None:
    """Ask each system of SUITE one question and show what was recorded.

    Shows its model calls by agent, fingerprints without a name yet (with the first words of their instructions), and
    what will be unknown. Nothing is measured. Exit code 0: every system can be measured. 1: at least one can't; the
    output says what to set. 2: SUITE is invalid or has no systems.

    \b
    Examples:
      docmind systems check ./my-suite.yaml
      docmind systems check ./my-suite.yaml --engine http://127.0.0.1:8000 --json
    """
    from dagster_project.cli.terminal_text import say
    from docmind_core.runs.input_check import read_suite
    from docmind_core.runs.lock import lock_home
    from docmind_core.runs.system_check import check_systems, on_engine
    from docmind_core.settings import load_settings

    given = {name: value for name, value in changes.items() if value is not None}
    settings, found = load_settings(), on_engine(read_suite(suite), given)
    with lock_home(settings, f"docmind systems check {suite}"):
        probed = check_systems(settings, found, lambda text: say(text, err=True))
    if as_json:
        _print_json(probed)
    else:
        for system in probed:
            _print(system)
    if any(system.refusal for system in probed):
        click.get_current_context().exit(1)


def _print_json(probed: "tuple[ProbedSystem, ...]") -> None:
    names = ["system", "kind", "refusal", "answer", "problem", "calls", "unattributed", "agents", "unknown"]
    rows = [
        (
            system.name,
            system.spec.kind,
            system.refusal,
            system.answer.text if system.answer else None,
            system.problem,
            len(system.calls),
            system.unattributed,
            [agent.as_json() for agent in system.agents],
            list(system.unknown),
        )
        for system in probed
    ]
    print_rows(names, rows, as_json=True)


def _print(system: "ProbedSystem") -> None:
    from dagster_project.cli.terminal_text import print_table, say

    say(f"{system.name} ({system.spec.kind})")
    if system.agents:
        print_table(
            ["agent", "calls", "tokens", "statuses", "tools", "instructions begin"],
            [
                (
                    agent.name,
                    str(agent.calls),
                    "unknown" if agent.tokens is None else f"{agent.tokens:,}",
                    ", ".join(agent.statuses),
                    ", ".join(agent.tools),
                    agent.first_words,
                )
                for agent in system.agents
            ],
        )
    for line in (*system.findings, *(f"unknown: {what}" for what in system.unknown)):
        say(f"  {line}")
