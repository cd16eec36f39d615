"""Differences between two runs: conditions that affect their numbers, and possible causes of a regression."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ORIGINS = ("git_sha", "git_dirty", "engine_version", "engine_session", "dagster_run_id", "started_at")
"""Columns of `runs` that are not conditions; the last three name the run itself."""
OF_THE_RUN_ITSELF = frozenset({"engine_session", "dagster_run_id", "started_at"})
UNSAID: Mapping[str, object] = {"engine_replicas": 1}
"""Conditions that are only recorded where they are something else."""
_UNKNOWN = object()
GIT_SHA = 40
"""Characters of the name of a commit, and of the shortest values that are cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One field in which two runs differ."""

    field: str
    baseline: object
    """None where it is unknown or there is none."""
    candidate: object

    @property
    def text(self) -> str:
        """The field with both values, `limit 20 → 40`."""
        return f"{self.field} {shown_value(self.baseline)} → {shown_value(self.candidate)}"


def conditions_of(run: Mapping[str, object]) -> dict[str, object]:
    """Return the conditions of a row of `runs`."""
    return _object(run.get("conditions"))


def condition_differences(baseline: Mapping[str, object], candidate: Mapping[str, object]) -> tuple[Difference, ...]:
    """Return the conditions that differ between two rows of `runs`, by name; `metrics.md` §13."""
    return tuple(_differences({**UNSAID, **conditions_of(baseline)}, {**UNSAID, **conditions_of(candidate)}))


def origin_differences(baseline: Mapping[str, object], candidate: Mapping[str, object]) -> tuple[Difference, ...]:
    """Return possible causes of a change between two comparable runs: commit, engine, packages, the user's code."""
    theirs, ours = (_origins(row) for row in (baseline, candidate))
    return tuple(_differences(theirs, ours))


def manifest_differences(baseline: Mapping[str, object], candidate: Mapping[str, object]) -> tuple[Difference, ...]:
    """Return every field of two manifests that differs, but for what names a run; nested ones as `suite.limit`."""
    theirs, ours = (dict(manifest_fields(row)) for row in (baseline, candidate))
    return tuple(difference for difference in _differences(theirs, ours) if difference.field not in OF_THE_RUN_ITSELF)


def manifest_fields(row: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield all that a row of `runs` says of how it was made: conditions, origins, and each field of its manifest.

    A condition that is a field of the manifest too, such as the suite's limit, is there once.
    """
    manifest = _object(row.get("manifest"))
    said = {*_object(manifest.get("suite")), *_object(manifest.get("engine"))}
    said |= {"suite"} if "suite" in manifest else set()
    said |= {"hardware_fingerprint"} if "hardware" in manifest else set()
    yield from ((name, value) for name, value in sorted(conditions_of(row).items()) if name not in said)
    yield from ((name, row.get(name)) for name in ORIGINS)
    yield from _leaves(manifest, "")


def shown_value(value: object) -> str:
    """Return a value of a field on one line, long ones cut: the first digits of a hash identify it."""
    if value is None:
        return "unknown"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) < GIT_SHA else f"{text[:12]}…"


def _origins(row: Mapping[str, object]) -> dict[str, object]:
    manifest = _object(row.get("manifest"))
    found: dict[str, object] = {name: row.get(name) for name in ORIGINS if name not in OF_THE_RUN_ITSELF}
    found["price"] = row.get("price")
    found["code"] = manifest.get("code")
    found |= {f"prompt {name}": value for name, value in _object(manifest.get("prompts")).items()}
    found |= {f"package {name}": version for name, version in _object(manifest.get("packages")).items()}
    found |= {f"plugin {name.rpartition('/')[2]}": sha for name, sha in _object(manifest.get("plugins")).items()}
    arm = str(row.get("arm") or "").removesuffix(".again")
    own = {name: sha for name, sha in _object(manifest.get("systems")).items() if name == arm}
    return found | {f"system {name}": sha for name, sha in own.items()}


def _leaves(content: Mapping[str, object], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in sorted(content.items()):
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _differences(theirs: Mapping[str, object], ours: Mapping[str, object]) -> Iterator[Difference]:
    for name in sorted({*theirs, *ours}):
        before, now = theirs.get(name, _UNKNOWN), ours.get(name, _UNKNOWN)
        if before is not _UNKNOWN or now is not _UNKNOWN:
            known = tuple(None if value is _UNKNOWN else value for value in (before, now))
            if known[0] != known[1]:
                yield Difference(field=name, baseline=known[0], candidate=known[1])


def _object(content: object) -> dict[str, object]:
    if isinstance(content, dict):
        return content
    try:
        found = json.loads(str(content)) if content else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
