"""Record the run that `docmind demo` shows.

    python -m scripts.record_demo HOME [BENCHMARK_RUN]

Takes a finished run of `make bench` out of a home, by default its latest, and writes it to
docmind_core/runs/recording: Parquet, at most 500 kB, with its date, its commit and its machine. Refused where a
text of it names a folder of the home's machine or its host.
"""

import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from docmind_core.runs.recorded_run import pack
from docmind_core.runs.run_names import latest_benchmark_run
from docmind_core.settings import Settings

TARGET = Path(__file__).resolve().parents[1] / "docmind_core" / "runs" / "recording"
BYTES_MAX = 500_000


def traces(folder: Path, home: Path) -> Iterator[str]:
    """Yield each place of a recording that names a folder of this machine, or its host."""
    names = {str(path) for path in (home, *home.parents, Path.home(), Path.cwd()) if len(path.parts) > 1}
    if len(platform.node()) > 3:
        names.add(platform.node())
    for path in sorted(folder.iterdir()):
        for where, text in _texts(path):
            yield from (f"{where}: {name}" for name in sorted(names) if name in text)


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    if path.suffix != ".parquet":
        yield path.name, path.read_text("utf-8")
        return
    content = pq.read_table(path)
    for name, column in zip(content.column_names, content.columns, strict=True):
        if not pa.types.is_integer(column.type) and not pa.types.is_floating(column.type):
            yield from (
                (f"{path.name}, column {name}", str(value)) for value in column.to_pylist() if value is not None
            )


def main(words: list[str]) -> int:
    """Record; return 1 with the reasons where it is refused."""
    home = Path(words[0]).resolve()
    settings = Settings(home=home)
    key = words[1] if len(words) > 1 else latest_benchmark_run(settings)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "recording"
        facts = pack(settings, key, folder)
        size = sum(path.stat().st_size for path in folder.iterdir())
        refused = [*dict.fromkeys(traces(folder, home))]
        if size > BYTES_MAX:
            refused.append(f"{size:,} bytes, and {BYTES_MAX:,} are the most")
        if refused:
            print("\n".join(refused))
            return 1
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(folder, TARGET)
    print(f"{TARGET}: {key}, {size:,} bytes, recorded {facts['recorded_at']} on {facts['machine']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
