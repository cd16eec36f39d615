"""`docmind doctor`: is everything fit to run?"""

import click


@click.command()
def doctor() -> None:
    """Look whether this installation and this home are fit to run benchmarks.

    Looks at the home, the disk, versions, the engine, the bundled model, the database, the lock and the last runs.
    Exit code 1 when something is wrong; each problem says what to do.

    \b
    Example:
      docmind doctor
    """
    from dagster_project.cli.terminal_text import say_wrapped
    from docmind_core.runs.health import examine
    from docmind_core.settings import load_settings

    wrong = 0
    for finding in examine(load_settings()):
        mark = "ok" if finding.advice is None else "!!"
        say_wrapped(f"{mark}  {finding.what:14}", finding.text)
        if finding.advice is not None:
            wrong += 1
            say_wrapped(" " * 18, finding.advice)
    if wrong:
        click.echo(f"{wrong} {'problem' if wrong == 1 else 'problems'}")
        click.get_current_context().exit(1)
    click.echo("no problem found")
