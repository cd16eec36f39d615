-- One row per run and engine session: the tokens that our ledger booked against the growth of the engine's own
-- counters, and the attempts that it booked against the requests that our connection pool sent. All calls count,
-- warm-up, judge and control among them. Differences are engine (or pool) minus ledger.
with calls as (
    select
        run_id,
        engine_session,
        call_id || '/' || attempt as call,
        coalesce(prompt_tokens, 0) as prompt_tokens,
        coalesce(completion_tokens, 0) as completion_tokens,
        cached_tokens,
        prefill_computed_tokens,
        prompt_tokens is null or completion_tokens is null as without_usage,
        sent_at is not null
            and count(*) over (partition by run_id, query_id, replicate, task, request_hash, sent_at) > 1 as is_twin,
        status = 'cut_off' or tokens_missing_because is not null as unreconciled,
        status in ('finished', 'cut_off') or http_status = 200 as may_have_finished,
        status = 'finished' as has_finished,
        agent = 'unattributed' and query_id is null as is_unattributed,
        -- A cut between prefill and first chunk leaves the client without the prompt that the engine counted. The
        -- window bounds a prompt that nothing could count: it hides more, so it comes last.
        case when status = 'cut_off' and coalesce(prompt_tokens, 0) = 0 or prompt_tokens is null
            then coalesce(prompt_tokens_est, max_model_len) else 0 end as prompt_left,
        greatest(0, coalesce(max_tokens, max_model_len) - coalesce(completion_tokens, 0)) as completion_left
    from llm_calls
    left join (select run_id, max_model_len from runs) as limits using (run_id)
    where not coalesce(served_from_cache, false) and engine_session is not null
),
ledger as (
    select
        run_id,
        engine_session,
        sum(prompt_tokens)::bigint as ledger_prompt_tokens,
        sum(completion_tokens)::bigint as ledger_completion_tokens,
        case when count(*) = count(cached_tokens) then sum(cached_tokens)::bigint end as ledger_cached_tokens,
        case when count(*) = count(prefill_computed_tokens) then sum(prefill_computed_tokens)::bigint end
            as ledger_prefill_tokens,
        count(*) as attempts_booked,
        count(*) filter (where may_have_finished) as own_requests,
        count(*) filter (where has_finished) as finished_requests,
        count(*) filter (where is_unattributed) as unattributed_calls,
        count(*) filter (where unreconciled) as unreconciled_calls,
        count(*) filter (where without_usage) as calls_without_usage,
        case when count(prompt_left) filter (where unreconciled) = unreconciled_calls
            then coalesce(sum(prompt_left) filter (where unreconciled), 0) end as prompt_bound,
        case when count(completion_left) filter (where unreconciled) = unreconciled_calls
            then coalesce(sum(completion_left) filter (where unreconciled), 0) end as completion_bound,
        list(call order by call) filter (where unreconciled) as unreconciled_names
    from calls
    group by all
),
readings as (
    select
        run_id,
        engine_session,
        block,
        counter,
        count(*) filter (where moment = 'before') as before_count,
        count(*) filter (where moment = 'after') as after_count,
        max(value) as largest,
        (max(value) filter (where moment = 'after') - max(value) filter (where moment = 'before'))::bigint as growth
    from engine_counters
    group by all
),
-- An arm's share of each block, its warm-up among them, has readings of its own: what lies between is other arms'.
counters as (
    select
        run_id,
        engine_session,
        counter,
        max(largest) as largest,
        case when count(*) = count(growth) then sum(growth)::bigint end as growth,
        min(growth) as least_growth
    from readings
    group by all
),
moments as (
    select run_id, engine_session, bool_and(has_before) as has_before, bool_and(has_after) as has_after
    from (
        select run_id, engine_session, block, max(before_count) > 0 as has_before, max(after_count) > 0 as has_after
        from readings
        where counter not like 'docmind:%'
        group by all
    )
    group by all
),
engine as (
    select
        run_id,
        engine_session,
        max(growth) filter (where counter = 'prompt_tokens') as engine_prompt_tokens,
        max(growth) filter (where counter = 'generation_tokens') as engine_completion_tokens,
        max(growth) filter (where counter = 'request_success') as engine_requests,
        min(least_growth) filter (where counter in ('prompt_tokens', 'generation_tokens', 'request_success'))
            as least_growth,
        coalesce(max(largest) filter (where counter in ('num_requests_running', 'num_requests_waiting')), 0)::bigint
            as requests_under_way,
        -- Where the prompt's tokens came from, by source where the engine offers that, else by older counters.
        coalesce(
            sum(growth) filter (where counter like 'prompt_tokens_by_source:%' and counter not like '%:local_compute'),
            max(growth) filter (where counter = 'prompt_tokens_cached'))::bigint as engine_cached_tokens,
        coalesce(
            max(growth) filter (where counter = 'prompt_tokens_by_source:local_compute'),
            max(growth) filter (where counter = 'request_prefill_kv_computed_tokens_sum')) as engine_prefill_tokens,
        max(growth) filter (where counter = 'docmind:requests_sent') as requests_sent,
        coalesce(max(largest) filter (where counter = 'docmind:engines_seen'), 1)::bigint as engines_seen,
        count(distinct counter) filter (where counter in ('prompt_tokens', 'generation_tokens')) = 2 as has_counters,
        any_value(has_before) as has_before,
        any_value(has_after) as has_after
    from counters
    left join moments using (run_id, engine_session)
    group by all
),
sides as (
    select
        coalesce(ledger.run_id, engine.run_id) as run_id,
        coalesce(ledger.engine_session, engine.engine_session) as engine_session,
        coalesce(ledger_prompt_tokens, 0) as ledger_prompt_tokens,
        engine_prompt_tokens,
        engine_prompt_tokens - coalesce(ledger_prompt_tokens, 0) as prompt_difference,
        coalesce(ledger_completion_tokens, 0) as ledger_completion_tokens,
        engine_completion_tokens,
        engine_completion_tokens - coalesce(ledger_completion_tokens, 0) as completion_difference,
        coalesce(unreconciled_calls, 0) as unreconciled_calls,
        coalesce(calls_without_usage, 0) as calls_without_usage,
        -- No calls at all leave nothing unexplained: the bound is 0, not unknown.
        case when ledger.run_id is null then 0 else prompt_bound end as prompt_bound,
        case when ledger.run_id is null then 0 else completion_bound end as completion_bound,
        coalesce(unreconciled_names, []) as unreconciled_names,
        coalesce(attempts_booked, 0) as attempts_booked,
        -- Each process counts from 0: of an arm that was resumed nothing has counted all requests.
        if(coalesce(runs.process_starts, 1) = 1, requests_sent, null) as requests_sent,
        coalesce(max(engines_seen) over (partition by coalesce(ledger.run_id, engine.run_id)), 1) as engines_seen,
        coalesce(own_requests, 0) as own_requests,
        coalesce(finished_requests, 0) as finished_requests,
        coalesce(unattributed_calls, 0) as unattributed_calls,
        runs.system is not null as is_of_user,
        coalesce(runs.queries_without_calls, 0) as queries_without_calls,
        engine_requests,
        least_growth,
        coalesce(requests_under_way, 0) as requests_under_way,
        coalesce(has_counters, false) as has_counters,
        coalesce(has_before, false) as has_before,
        coalesce(has_after, false) as has_after,
        -- An engine of `docmind engine start` is open to others, as a remote one is.
        coalesce(runs.engine_managed, false) and not coalesce(runs.engine_detached, false) as is_exclusive,
        coalesce(runs.process_starts, 1) as process_starts,
        ledger_cached_tokens,
        engine_cached_tokens,
        engine_cached_tokens - ledger_cached_tokens as cached_difference,
        engine_prefill_tokens - ledger_prefill_tokens as prefill_computed_difference
    from ledger
    full join engine on engine.run_id = ledger.run_id and engine.engine_session = ledger.engine_session
    left join runs on runs.run_id = coalesce(ledger.run_id, engine.run_id)
),
judged as (
    select
        *,
        requests_sent - attempts_booked as requests_difference,
        -- A server that doesn't say when its counters began has the same session before a restart and after it.
        least_growth < 0 as went_back,
        -- Others only add. Tokens of their requests are counted while these run, the requests once they have finished;
        -- and an attempt of ours that was cut off may never have become a request.
        not is_exclusive and prompt_difference >= 0 and completion_difference >= 0 as may_be_others,
        -- Its first reading and its last enclose the pause, in which others may have used the engine.
        may_be_others and process_starts > 1 as interrupted_on_shared_session,
        unreconciled_calls > 0
            and prompt_difference between 0 and coalesce(prompt_bound, prompt_difference)
            and completion_difference between 0 and coalesce(completion_bound, completion_difference) as is_explained,
        -- Why the counters of an engine that we did not start are not those of the one engine that answered us.
        case
            when is_exclusive or not has_counters then null
            when engines_seen > 1
                then format('several engines answer at this URL (at least {} seen while nothing ran): use the URL of one',
                    engines_seen)
            when not (has_before and has_after) and process_starts = 1
                then 'another process answered at this URL after the arm than before it: the engine was started again, '
                    || 'or several engines answer there'
            when went_back
                then 'the counters went back: the engine was started again, or several engines answer at this URL'
            -- Every request of ours is booked and the engine lacks some: they went elsewhere.
            when requests_sent = attempts_booked and engine_requests < finished_requests
                then format('the engine counted {} of the {} requests of this run: several engines answer at this URL',
                    engine_requests, finished_requests)
        end as elsewhere,
        case
            when requests_difference <> 0 then 'unbalanced'
            when not has_counters then 'no_metrics'
            when elsewhere is not null then 'not_exclusive'
            when not (has_before and has_after) then 'unreconciled'
            when went_back then 'unreconciled'
            when prompt_difference = 0 and completion_difference = 0 and calls_without_usage = 0 then 'balanced'
            when may_be_others and engine_requests > own_requests then 'not_exclusive'
            when is_explained then 'unreconciled'
            when interrupted_on_shared_session then 'unreconciled'
            when may_be_others and (requests_under_way > 0 or engine_requests > finished_requests) then 'not_exclusive'
            else 'unbalanced'
        end as state_of_tokens,
        -- A system of the user may hold more clients than the one that the proxy sees.
        is_of_user and state_of_tokens = 'unbalanced' and requests_difference is not distinct from 0
            and prompt_difference >= 0 and completion_difference >= 0 and engine_requests > own_requests as went_around,
        array_to_string(list_filter([
            if(unattributed_calls > 0, format('{} calls of the system tell nothing of their query (agent unattributed)',
                unattributed_calls), null),
            if(queries_without_calls > 0, format('{} queries were answered without a call that the proxy saw',
                queries_without_calls), null),
            if(went_around, format('the engine finished {} requests, the proxy passed on {}: the system goes around it',
                engine_requests, own_requests), null)
        ], said -> said is not null), '; ') as of_the_system,
        if(of_the_system <> '' and (went_around or state_of_tokens in ('balanced', 'no_metrics', 'not_exclusive')),
            'unreconciled', state_of_tokens) as state,
        array_to_string(unreconciled_names[:10], ', ')
            || if(len(unreconciled_names) > 10, format(' and {} more', len(unreconciled_names) - 10), '')
            as named_calls,
        if(unreconciled_calls = 0, 'no call was under way',
            'calls whose usage is unknown or incomplete: ' || named_calls) as without_counters
    from sides
),
suspects as (
    select
        run_id,
        engine_session,
        -- Bookings of the same request at the same moment come first, then a call as large as the whole difference,
        -- then the largest.
        list(call || ' (' || prompt_tokens || '+' || completion_tokens || ')' order by
            is_twin desc,
            calls.prompt_tokens = abs(prompt_difference) and calls.completion_tokens = abs(completion_difference) desc,
            calls.prompt_tokens + calls.completion_tokens desc, call)[:5] as suspect_names
    from calls
    join judged using (run_id, engine_session)
    where state = 'unbalanced'
    group by all
)
select
    run_id,
    engine_session,
    ledger_prompt_tokens,
    engine_prompt_tokens,
    prompt_difference,
    ledger_completion_tokens,
    engine_completion_tokens,
    completion_difference,
    unreconciled_calls,
    state,
    nullif(concat_ws('; ', nullif(of_the_system, ''), case
        when state <> state_of_tokens then null
        when state = 'no_metrics'
            then 'the engine offers no /metrics, or lacks prompt_tokens or generation_tokens'
        when state = 'not_exclusive' and elsewhere is not null then elsewhere
        when requests_difference <> 0
            then format('{} requests were sent and {} attempts are booked, {} too {}{}; largest calls: {}',
                requests_sent, attempts_booked, abs(requests_difference),
                if(requests_difference > 0, 'few', 'many'),
                coalesce(format('; the engine counted {:+d} prompt and {:+d} completion tokens against the ledger',
                    prompt_difference, completion_difference), ''),
                coalesce(array_to_string(suspect_names, ', '), 'none'))
        when not has_after
            then 'no counters after the last call: the engine or the platform died in this session; ' || without_counters
        when not has_before
            then 'no counters before the first call of this session; ' || without_counters
        when went_back
            then 'the counters went back: the engine was started again; ' || without_counters
        when state = 'not_exclusive' and coalesce(engine_requests <= own_requests, true)
            then format('the engine counted {:+d} prompt and {:+d} completion tokens of others: {} requests were under way '
                'at a reading, {} finished, {} of this run', prompt_difference, completion_difference,
                requests_under_way, coalesce(engine_requests::varchar, 'unknown'), finished_requests)
        when state = 'not_exclusive'
            then format('the engine finished {} requests, this run sent {}: somebody else used it',
                engine_requests, own_requests)
        when state = 'unreconciled' and is_explained
            then format('{} calls whose usage is unknown or incomplete: {}', unreconciled_calls, named_calls)
        when state = 'unreconciled'
            then format('the arm was interrupted on a shared engine, which counted {:+d} prompt and {:+d} completion '
                'tokens meanwhile{}', prompt_difference, completion_difference,
                if(unreconciled_calls = 0, '', format('; calls whose usage is unknown or incomplete: {}', named_calls)))
        when state = 'unbalanced'
            then format('the engine counted {:+d} prompt and {:+d} completion tokens against the ledger{}; largest calls: {}',
                prompt_difference, completion_difference,
                case when unreconciled_calls = 0 then '' else format(
                    ', which {} cut-off calls can''t explain', unreconciled_calls) end,
                coalesce(array_to_string(suspect_names, ', '), 'none'))
        when cached_difference <> 0
            then format('a warning only: of the prompt tokens, the engine counted {:+d} cached ones against the ledger',
                cached_difference)
    end), '') as because,
    requests_sent,
    attempts_booked,
    requests_difference,
    ledger_cached_tokens,
    engine_cached_tokens,
    cached_difference,
    prefill_computed_difference
from judged
left join suspects using (run_id, engine_session)
order by run_id, engine_session
