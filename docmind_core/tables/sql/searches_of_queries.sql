-- One row per search of the first replicate of some queries: strategy, text and chunks found, in their order.
-- A search without a hit has no row of `retrieved`, a resumed query none of `spans`.
with hits as (
    select run_id, query_id, span_id, any_value(strategy) as strategy, any_value(search_query) as search_query,
        count(*) as hits
    from retrieved
    where run_id in $run_ids and query_id in $chosen and replicate = 0 and ranking = 'search'
    group by all
),
searched as (
    select
        run_id, query_id, span_id, name, t0,
        json_extract_string(attributes, '$."gen_ai.retrieval.query.text"') as search_text
    from spans
    where run_id in $run_ids and query_id in $chosen and replicate = 0 and op = 'retrieval'
)
select
    run_id,
    query_id,
    coalesce(strategy, name)            as strategy,
    coalesce(search_query, search_text) as search_query,
    coalesce(hits, 0)                   as hits
from hits
full join searched using (run_id, query_id, span_id)
order by t0 nulls last, span_id
