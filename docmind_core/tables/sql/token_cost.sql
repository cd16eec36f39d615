-- What calls cost under the price of their run; NULL without a price per token, or where a count that it needs is unknown.
case
    when json_extract(price, '$.cached') is null
        then (prompt_tokens * json_extract(price, '$.prompt')::double
            + completion_tokens * json_extract(price, '$.completion')::double) / 1e6
    else ((prompt_tokens - cached_tokens) * json_extract(price, '$.prompt')::double
        + cached_tokens * json_extract(price, '$.cached')::double
        + completion_tokens * json_extract(price, '$.completion')::double) / 1e6
end
