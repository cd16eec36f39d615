"""A reader of the Prometheus text format, as far as an engine's counters need it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_SAMPLE = re.compile(r'([A-Za-z_:][\w:]*)(?:\{((?:[^"}]|"(?:\\.|[^"\\])*")*)\})?\s+(\S+)')
_SOURCE = re.compile(r'(?:^|,)\s*source="([^"\\]*)"')
_TYPE = re.compile(r"# TYPE (\S+) (\S+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One line of a scrape; of its labels only `source` is kept."""

    name: str
    kind: str
    """What the `# TYPE` line of the sample's family says: counter, gauge, histogram, ...; `untyped` without one."""
    value: float
    source: str | None = None
    """The label `source`, under which vLLM says where prompt tokens came from."""


def read_samples(text: str) -> Iterator[Sample]:
    """Yield every sample of a scrape; lines that are not samples are skipped."""
    kinds: dict[str, str] = {}
    for line in text.splitlines():
        declared = _TYPE.match(line)
        if declared:
            kinds[declared[1]] = declared[2]
            continue
        found = None if line.startswith("#") else _SAMPLE.match(line)
        if found is None:
            continue
        try:
            value = float(found[3])
        except ValueError:
            continue
        source = _SOURCE.search(found[2] or "")
        yield Sample(
            name=found[1], kind=_kind(found[1], kinds), value=value, source=source[1] if source is not None else None
        )


def _kind(name: str, kinds: dict[str, str]) -> str:
    """Families are declared with the sample's name or, in OpenMetrics and for histograms, without its suffix."""
    if name in kinds:
        return kinds[name]
    stem = re.sub(r"_(total|created|sum|count|bucket)$", "", name)
    return kinds.get(stem, "untyped")
