"""What is said when an engine is of no use any more."""

from docmind_core.errors import EngineUnreachable
from docmind_core.serving.connection import EngineConnection
from docmind_core.serving.engine_log import last_words

_WIDTH = 300


def unreachable(connection: EngineConnection, what: str) -> EngineUnreachable:
    """Build the error, in one line: where, what, what a managed engine's log says, and what to do next.

    Args:
        connection: To which engine.
        what: What the engine did, to follow its name: "stopped answering (timed out)".
    """
    happened = f"the engine at {connection.base_url} {_short(connection.redact(what))}."
    if connection.log is None:
        return EngineUnreachable(
            f"{happened} Check that it runs there and what its log says, then rerun with --resume."
        )
    said = "; ".join(last_words(connection.log)) or "nothing"
    return EngineUnreachable(
        f"{happened} Its log says: {_short(said)} (log: {connection.log}). "
        "Rerun with --resume, which starts the engine again if it has ended."
    )


def _short(text: str) -> str:
    line = " ".join(text.split()).rstrip(".")
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"
