"""`docmind service`: keep the web UI and the daemon running."""

import click

from dagster_project.cli.terminal_text import json_option, print_rows, say


@click.group(short_help="Keep UI, schedules and alerts running (systemd).")
def service() -> None:
    """Keep the web UI, schedules and alerts running, as a systemd service of this user.

    \b
    Examples:
      docmind service install
      docmind service status
      docmind service uninstall
    """


@service.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="Port on 127.0.0.1.")
@click.option("--print", "only_print", is_flag=True, help="Print the unit file without installing it.")
def install(port: int, only_print: bool) -> None:
    """Install, enable and start the service for this home.

    The service runs `docmind ui`, which includes the web server and the daemon, and restarts whenever it exits. To
    change the port or the home, run this command again.

    \b
    Examples:
      docmind service install
      docmind service install --print
    """
    from dagster_project.service import install_service, unit_text
    from docmind_core.settings import load_settings

    settings = load_settings()
    if only_print:
        click.echo(unit_text(settings, port=port), nl=False)
        return
    for line in install_service(settings, port=port):
        say(line)


@service.command()
def uninstall() -> None:
    """Stop the service and remove it; the home is not touched.

    \b
    Example:
      docmind service uninstall
    """
    from dagster_project.service import uninstall_service

    say("removed the service" if uninstall_service() else "no service is installed")


@service.command(short_help="Show whether the service is installed and running.")
@json_option
def status(as_json: bool) -> None:
    """Show whether the service is installed, enabled and running. Exit code 1: it is not running.

    \b
    Examples:
      docmind service status
      docmind service status --json
    """
    from dagster_project.service import service_status

    found = service_status()
    if as_json:
        facts = (str(found.path), found.installed, found.enabled, found.active)
        print_rows(["path", "installed", "enabled", "active"], [facts], as_json=True)
        click.get_current_context().exit(found.active != "active")
    if not found.installed:
        say("not installed; install it: docmind service install")
        click.get_current_context().exit(1)
    say(f"{found.path}: {found.enabled}, {found.active}")
    if found.active != "active":
        say("to find out why: journalctl --user -u docmind-ui.service")
        click.get_current_context().exit(1)
