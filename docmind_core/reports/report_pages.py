"""The page that lists all reports of a home, for the web UI."""

from docmind_core.reports.rendering import html_environment
from docmind_core.runs.keys import is_benchmark_run
from docmind_core.runs.recorded_run import recorded_note
from docmind_core.settings import Settings


def list_page(settings: Settings) -> str:
    """Return a page with a link to each written report, newest first, and to the exports of the last hours."""
    pages = [path.parent.name for path in settings.reports.glob("*/index.html") if is_benchmark_run(path.parent.name)]
    exports = [path.name for path in (settings.reports / "periods").glob("*.*") if not path.name.startswith(".")]
    template = html_environment().get_template("reports.html.j2")
    recorded = recorded_note(settings)
    return template.render(pages=sorted(pages, reverse=True), exports=sorted(exports, reverse=True), recorded=recorded)
