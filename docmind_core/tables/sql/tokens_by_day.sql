-- One row per UTC day, suite, model and price: what was spent on calls, warm-up and interrupted ones among them.
with days as (
    select
        d.*, r.suite, r.model, r.price,
        case when d.calls_without_tokens = 0
            then store.token_cost(r.price, d.prompt_tokens, if(d.calls_without_cached = 0, d.cached_tokens, null),
                d.completion_tokens) end as cost
    from store.token_days as d
    join runs as r using (run_id)
)
select
    day,
    suite,
    model,
    count(*)                                                                as runs,
    sum(calls)::bigint                                                      as calls,
    sum(calls_without_tokens)::bigint                                       as calls_without_tokens,
    case when sum(calls_without_tokens) = 0 then sum(prompt_tokens)::bigint end as prompt_tokens,
    case when sum(calls_without_tokens) = 0 then sum(completion_tokens)::bigint end as completion_tokens,
    case when sum(calls_without_cached) = 0 then sum(cached_tokens)::bigint end as cached_tokens,
    case when sum(calls_without_tokens) = 0 then sum(billed_tokens)::bigint end as billed_tokens,
    sum(billed_tokens)::bigint                                              as known_billed_tokens,
    sum(unmeasured_tokens)::bigint                                          as unmeasured_tokens,
    min(missing_because)                                                    as missing_because,
    case when sum(calls_without_cached) > 0 then min(cached_missing_because) end as cached_missing_because,
    case when count(cost) = count(*) then sum(cost) end                     as cost,
    json_extract_string(price, '$.currency')                                as currency,
    case
        when count(cost) = count(*) then null
        when price is null then 'no_price'
        when json_extract(price, '$.prompt') is null then 'per_gpu_hour'
        else coalesce(min(missing_because), min(cached_missing_because), 'no_usage')
    end                                                                     as cost_missing_because
from days
group by day, suite, model, price
order by day, suite, model
