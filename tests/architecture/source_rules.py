"""What the architecture tests look for in source text; each rule yields one line per finding."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

PROJECT = Path(__file__).resolve().parents[2]

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 40
ASSET_BODY_LINES_MAX = 10
VAGUE_NAMES = frozenset({"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"})

HOMES: Mapping[str, tuple[str, ...]] = {
    "aiohttp": ("docmind_core/serving", "docmind_core/systems", "docmind_core/alerts"),
    "apprise": ("docmind_core/serving", "docmind_core/systems", "docmind_core/alerts"),
    "dagster": ("dagster_project",),
    "duckdb": ("docmind_core/tables",),
    "http.client": ("docmind_core/serving", "docmind_core/systems", "docmind_core/alerts"),
    "httpx": ("docmind_core/serving", "docmind_core/systems", "docmind_core/alerts"),
    "langchain_core": ("docmind_core/agents",),
    "langgraph": ("docmind_core/agents",),
    "matplotlib": ("docmind_core/reports",),
    "openai": ("docmind_core/serving",),
    "requests": ("docmind_core/serving", "docmind_core/systems", "docmind_core/alerts"),
    "torch": ("docmind_core/retrieval", "docmind_core/serving"),
    "transformers": ("docmind_core/retrieval", "docmind_core/serving"),
    "urllib.request": ("docmind_core/serving", "docmind_core/systems", "docmind_core/alerts"),
    "vllm": ("docmind_core/serving",),
}


def source_files(*folders: str) -> Iterator[tuple[str, str]]:
    """Yield (path from the project's root, text) of every Python file under `folders`."""
    for folder in folders:
        for path in sorted((PROJECT / folder).rglob("*.py")):
            yield path.relative_to(PROJECT).as_posix(), path.read_text("utf-8")


def long_file(path: str, text: str) -> Iterator[str]:
    """A file of more than 300 lines."""
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{path}: {lines} lines, at most {FILE_LINES_MAX}"


def long_functions(path: str, text: str) -> Iterator[str]:
    """Functions of more than 40 lines, docstring counted."""
    for node in _functions(text):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield f"{path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_LINES_MAX}"


def vague_name(path: str, text: str) -> Iterator[str]:
    """A module or package whose name says nothing."""
    for part in PurePosixPath(path).with_suffix("").parts:
        if part.strip("_") in VAGUE_NAMES or VAGUE_NAMES & set(part.split("_")):
            yield f"{path}: {part!r} does not say what it holds"


def code_in_init(path: str, text: str) -> Iterator[str]:
    """An `__init__.py` with anything but its docstring; `docmind_core` has `open_home`, which notebooks import."""
    if PurePosixPath(path).name != "__init__.py" or path == "docmind_core/__init__.py":
        return
    body = ast.parse(text).body
    docstring = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    if not docstring or len(body) > 1:
        yield f"{path}: holds a docstring and nothing else"


def environment_reads(path: str, text: str) -> Iterator[str]:
    """`os.environ` or `os.getenv` outside settings.py, and outside the worker, which is the user's process."""
    if path in ("docmind_core/settings.py", "docmind_core/systems/worker.py"):
        return
    for node in ast.walk(ast.parse(text)):
        names = {"environ", "environb", "getenv", "putenv"}
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            used = {node.attr} & names
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            used = {alias.name for alias in node.names} & names
        else:
            continue
        for name in sorted(used):
            yield f"{path}:{node.lineno}: os.{name}; settings.py reads the environment"


def homeless_imports(path: str, text: str) -> Iterator[str]:
    """Imports of packages away from their homes; imports inside functions count."""
    for line, module in _imported_modules(text):
        for package, homes in HOMES.items():
            inside = module == package or module.startswith(f"{package}.")
            if inside and not any(path.startswith(f"{home}/") for home in homes):
                yield f"{path}:{line}: imports {module}, whose home is {' or '.join(homes)}"


def fat_assets(path: str, text: str) -> Iterator[str]:
    """Dagster assets and checks whose body, less its docstring, has more than ten lines."""
    for node in _functions(text):
        decorators = {ast.unparse(decorator).split("(")[0] for decorator in node.decorator_list}
        if not decorators & {"dg.asset", "dg.asset_check", "dg.multi_asset", "dg.multi_asset_check"}:
            continue
        body = node.body[1:] if ast.get_docstring(node) else node.body
        lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
        if lines > ASSET_BODY_LINES_MAX:
            yield f"{path}:{node.lineno}: {node.name} has {lines} lines of body, at most {ASSET_BODY_LINES_MAX}"


def _functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _imported_modules(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
