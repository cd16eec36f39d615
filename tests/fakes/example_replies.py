"""Replies of a stand-in engine in the form that was asked for."""

import json
from typing import Any


def schema_example(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> Any:
    """Return the smallest value that one of our schemas allows."""
    definitions = definitions or schema.get("$defs", {})
    if "$ref" in schema:
        return schema_example(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("type") == "object":
        return {name: schema_example(part, definitions) for name, part in schema["properties"].items()}
    if schema.get("type") == "array":
        return [schema_example(schema["items"], definitions)] * schema.get("minItems", 0)
    return "what is it"[: schema.get("maxLength", 80)].ljust(schema.get("minLength", 1), "s")


def plain_reply(body: dict[str, Any]) -> str:
    """Answer in the form that was asked for: an example of the schema, the first choice, or a short answer."""
    if "response_format" in body:
        return json.dumps(schema_example(body["response_format"]["json_schema"]["schema"]))
    if "structured_outputs" in body:
        return str(body["structured_outputs"]["choice"][0])
    return "a short answer [1]"
