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
    from docmind_core.reports.text_safety import one_line
    from docmind_core.runs.health import examine
    from docmind_core.settings import load_settings

    wrong = 0
    for finding in examine(load_settings()):
        mark = "ok" if finding.advice is None else "!!"
        click.echo(f"{mark}  {finding.what:14}  {one_line(finding.text)}")
        if finding.advice is not None:
            wrong += 1
            click.echo(f"    {'':14}  {one_line(finding.advice)}")
    if wrong:
        click.echo(f"{wrong} {'problem' if wrong == 1 else 'problems'}")
        click.get_current_context().exit(1)
    click.echo("no problem found")
