"""The domain of DocMind Eval; imports no Dagster. For notebooks: `docmind_core.open_home()`."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docmind_core.tables.notebook import Home


def open_home(path: str | Path | None = None) -> "Home":
    """Return the results of a home, to be queried with SQL; by default those of DOCMIND_HOME, or of `.docmind`.

    Example:
        open_home().pandas("from token_efficiency where arm = $arm", arm="tuned")
    """
    from docmind_core.settings import Settings, load_settings  # noqa: PLC0415 - importing the package stays light
    from docmind_core.tables.notebook import Home  # noqa: PLC0415

    return Home(load_settings() if path is None else Settings(home=Path(path).expanduser().absolute()))
