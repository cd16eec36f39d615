"""Caches of the router's and the retrieval expert's results; every lookup is recorded as a row."""

import hashlib
import json
import unicodedata
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

from docmind_core.agents.context import always
from docmind_core.retrieval.search import Chunk, Hit
from docmind_core.runs.cache_store import CacheAnswer, CacheStore
from docmind_core.runs.journal import QueryKey, Row

RETRIEVAL_CACHE = "retrieval"
CACHE_VERSION = 4
"""Raised when the form of a value changes: older entries are then never found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheFacts:
    """What a result depends on besides the query; part of every key."""

    level: str
    model: str
    model_revision: str | None
    index_hash: str
    """Over documents and index settings, the versions of the search libraries among them."""
    prompt_hash: str
    rules_version: str
    arm: str
    """One arm's results are not another's, though they may be equal: else the second of a benchmark would be warm."""


def normalised(query: str) -> str:
    """Return what all ways of typing the same query have in common: composed, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", query).lower().split())


def cache_key(cache: str, query: str, facts: CacheFacts, **parameters: Any) -> str:
    """Return the sha256 of a canonical form, the same in every process; no part can run into the next."""
    named = {
        "version": CACHE_VERSION,
        "cache": cache,
        "query": normalised(query),
        "facts": asdict(facts),
        "parameters": parameters,
    }
    return _digest(named)


def namespace(facts: CacheFacts) -> str:
    """Return the name under which the store keeps everything that depends on the same facts."""
    return _digest({"version": CACHE_VERSION, "facts": asdict(facts)})[:16]


def _digest(named: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(named, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCaches:
    """The caches as one arm sees them."""

    store: CacheStore
    facts: CacheFacts

    @property
    def state(self) -> str:
        """`warm` when an earlier run of the arm has left results, else `cold`."""
        return "warm" if self.store.holds(namespace(self.facts)) else "cold"

    def of_query(self, key: QueryKey, prefix: str = "") -> "ResultCaches":
        """Return them for one query; `prefix` is that of its set where several are asked together."""
        return ResultCaches(store=self.store, facts=self.facts, key=key, prefix=prefix)


@dataclass(slots=True, kw_only=True)
class ResultCaches:
    """The caches as one query sees them."""

    store: CacheStore
    facts: CacheFacts
    key: QueryKey
    prefix: str = ""
    """Of the ids in the query's set: the same words about other documents are another query."""
    rows: list[Row] = field(default_factory=list)
    """Rows of `cache_lookups`."""
    _new: dict[tuple[str, str], tuple[str, float]] = field(default_factory=dict)
    """JSON text of what this query found and when, by cache and key.

    An interrupted query leaves nothing: begun again, it would hit what it kept itself.
    """

    def keep(self) -> None:
        """Publish what this query found, once it has ended."""
        for (place, key_hash), (text, _) in self._new.items():
            value = json.loads(text)
            self.store.keep(place, key_hash, value, negative=not value)
        self._new.clear()

    async def remembered(
        self,
        cache: str,
        query: str,
        work: Callable[[], Awaitable[Any]],
        *,
        worth_keeping: Callable[[Any], bool] = always,
        **parameters: Any,
    ) -> Any:
        """Return the JSON value kept for the same thing, else do the work, and keep what it returns if worth it."""
        of_set = {"set": self.prefix} if self.prefix else {}
        key_hash = cache_key(cache, query, self.facts, **parameters, **of_set)
        found = self._look_up(cache, key_hash)
        if found.hit:
            return found.value
        value = await work()
        if worth_keeping(value):
            self._new[self._place(cache), key_hash] = json.dumps(value, ensure_ascii=False), monotonic()
        return value

    async def hits(
        self, query: str, work: Callable[[], Awaitable[tuple[Hit, ...]]], **parameters: Any
    ) -> tuple[Hit, ...]:
        """Return the hits kept for the same search, else search; either way the caller owns the objects."""

        async def search() -> list[Mapping[str, Any]]:
            return [asdict(hit) for hit in await work()]

        found = await self.remembered(RETRIEVAL_CACHE, query, search, **parameters)
        return tuple(Hit(chunk=Chunk(**entry["chunk"]), score=entry["score"]) for entry in found)

    def _place(self, cache: str) -> str:
        return f"{namespace(self.facts)}:{cache}"

    def _own(self, place: str, key_hash: str) -> CacheAnswer | None:
        found = self._new.get((place, key_hash))
        if found is None:
            return None
        value = json.loads(found[0])
        return CacheAnswer(value=value, negative=not value, age_s=monotonic() - found[1])

    def _look_up(self, cache: str, key_hash: str) -> CacheAnswer:
        began = monotonic()
        found = self._own(self._place(cache), key_hash) or self.store.look_up(self._place(cache), key_hash)
        self.rows.append(
            {
                "run_id": self.key.run_id,
                "query_id": self.key.query_id,
                "replicate": self.key.replicate,
                "lookup": len(self.rows) + 1,
                "cache": cache,
                "hit": found.hit,
                "missed_because": found.missed_because,
                "negative": found.negative if found.hit else None,
                "key_hash": key_hash,
                "age_s": found.age_s,
                "duration_s": monotonic() - began,
                "wrong_hit": None,
            }
        )
        return found
