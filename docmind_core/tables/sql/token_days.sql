-- One row per run and UTC day: its calls by the day of their sending, every phase and the judge among them, since each is
-- paid for. Sums are over the calls whose usage is known; the counts next to them say how many are not.
select
    c.run_id,
    make_timestamp(epoch_us(coalesce(c.sent_at, r.started_at)))::date as day,
    count(*)                                                    as calls,
    count(*) filter (where c.billed_tokens is null)             as calls_without_tokens,
    count(*) filter (where c.cached_tokens is null)             as calls_without_cached,
    coalesce(sum(c.prompt_tokens), 0)::bigint                   as prompt_tokens,
    coalesce(sum(c.completion_tokens), 0)::bigint               as completion_tokens,
    coalesce(sum(c.cached_tokens), 0)::bigint                   as cached_tokens,
    coalesce(sum(c.billed_tokens), 0)::bigint                   as billed_tokens,
    coalesce(sum(c.billed_tokens) filter (where coalesce(c.phase, 'measured') <> 'measured'), 0)::bigint
                                                                as unmeasured_tokens,
    min(c.tokens_missing_because)                               as missing_because,
    min(c.cached_missing_because)                               as cached_missing_because
from llm_calls as c
join runs as r using (run_id)
where not coalesce(c.served_from_cache, false)
group by all
