"""`docmind alerts`: what is wrong now, how it came about, and whether a message would arrive."""

import click


@click.group()
def alerts() -> None:
    r"""Show alerts and test their channels.

    \b
    Examples:
      docmind alerts list
      docmind alerts show 3f2a
      docmind alerts test ops
    """


@alerts.command("list")
def list_alerts() -> None:
    """List the alerts that are pending or firing.

    \b
    Example:
      docmind alerts list
    """
    from dagster_project.cli.terminal_table import print_table
    from docmind_core.alerts.listing import last_evaluated_at, open_alerts
    from docmind_core.settings import load_settings

    settings = load_settings()
    evaluated_at = last_evaluated_at(settings)
    if evaluated_at is None:
        click.echo("no rule has been evaluated yet; a benchmark run does it: docmind bench smoke")
        return
    names = ("fingerprint", "state", "severity", "rule_id", "labels", "first_seen", "value", "peak", "notify_count")
    rows = [[row[name] for name in names] for row in open_alerts(settings)]
    if rows:
        print_table(["id", *names[1:]], rows)
        click.echo("See how one came about: docmind alerts show ID")
    else:
        click.echo(f"no alert is open; last evaluation {evaluated_at[:19]} UTC")


@alerts.command()
@click.argument("alert_id", metavar="ID")
def show(alert_id: str) -> None:
    """Show the history of an alert, newest first.

    ID is the one that `docmind alerts list` shows, or its beginning.

    \b
    Example:
      docmind alerts show 3f2a
    """
    from dagster_project.cli.terminal_table import print_table
    from docmind_core.alerts.listing import alert_history
    from docmind_core.settings import load_settings

    history = alert_history(load_settings(), alert_id)
    first = history.evaluations[0]
    click.echo(f"{first['rule_id']} {first['labels']} ({first['severity']})")
    shown = {
        "Events": (history.events, ("changed_at", "from_state", "to_state", "benchmark_run", "value", "peak")),
        "Evaluations": (
            history.evaluations,
            (
                "evaluated_at",
                "benchmark_run",
                "outcome",
                "value",
                "value_low",
                "value_high",
                "n",
                "threshold",
                "reason",
            ),
        ),
        "Deliveries": (history.deliveries, ("attempted_at", "benchmark_run", "seq", "channel", "status", "error")),
    }
    for title, (rows, names) in shown.items():
        click.echo(f"\n{title}")
        if rows:
            print_table(names, [[row[name] for name in names] for row in rows])
        else:
            click.echo("none")


@alerts.command()
@click.argument("channel")
def test(channel: str) -> None:
    """Send a test message to CHANNEL and record its delivery.

    The URL of a channel comes from the environment: DOCMIND_CHANNEL_OPS for the channel ops. Any URL that
    Apprise understands will do; a suite names the channels that its alerts go to.

    \b
    Example:
      docmind alerts test ops
    """
    from docmind_core.alerts.delivery import send_test
    from docmind_core.settings import load_settings

    send_test(load_settings(), channel)
    click.echo(f"channel {channel} took the test message")
