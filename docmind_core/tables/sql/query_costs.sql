-- One row per query run, warm-up left out: its tokens under the price of its run.
select
    runs.run_id,
    runs.benchmark_run,
    runs.arm,
    runs.suite,
    runs.model,
    runs.started_at,
    q.query_id,
    q.replicate,
    q.billed_tokens,
    store.token_cost(runs.price, q.prompt_tokens, q.cached_tokens, q.completion_tokens) as cost,
    json_extract_string(runs.price, '$.currency')                                       as currency,
    case
        when cost is not null then null
        when runs.price is null then 'no_price'
        when json_extract(runs.price, '$.prompt') is null then 'per_gpu_hour'
        else coalesce(q.tokens_missing_because, q.cached_missing_because, 'no_usage')
    end                                                                                 as cost_missing_because
from query_runs as q
join runs using (run_id)
where q.phase is distinct from 'warmup'
