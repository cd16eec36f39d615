"""The smallest system: a function that takes a question, calls the model and returns the answer."""

import json
import os
from urllib.request import Request, urlopen


def answer(question: str, history: list[dict[str, str]]) -> dict[str, str]:
    """Answer in one call, with the earlier turns of the conversation before the question."""
    body = {
        "model": os.environ["MODEL"],
        "messages": [
            {"role": "system", "content": "You answer in one short sentence."},
            *history,
            {"role": "user", "content": question},
        ],
        "max_tokens": 64,
        "temperature": 0,
    }
    request = Request(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", f"Bearer {os.environ['OPENAI_API_KEY']}")
    with urlopen(request, timeout=300) as response:
        return {"answer": json.load(response)["choices"][0]["message"]["content"]}
