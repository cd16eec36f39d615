"""The system under stress: a few calls a question with OpenAI's client, half of them streaming, some given up."""

import asyncio
import os
import random
from typing import Any

import openai

CALLS_AROUND = 0.01
CANCELLED = 0.05
RUN_URL, RUN_KEY = os.environ.get("OPENAI_BASE_URL", ""), os.environ.get("OPENAI_API_KEY", "")
"""Of the run, not of a question: read when the module is loaded."""


async def answer(question: str) -> str:
    """Ask the model a few times, as an agent does; which of it goes wrong depends on the question alone."""
    dice = random.Random(question)
    client = openai.AsyncOpenAI(max_retries=3)
    parts = []
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_call(client, f"{question} {n}", dice)) for n in range(dice.randint(1, 3))]
        parts = [task.result() for task in tasks]
        if dice.random() < CANCELLED:
            given_up = asyncio.create_task(_call(client, f"{question} given up", dice))
            await asyncio.sleep(dice.random() * 0.02)
            given_up.cancel()
        if dice.random() < CALLS_AROUND:
            around = openai.AsyncOpenAI(base_url=RUN_URL, api_key=RUN_KEY)
            await _around(around, question)
        return " ".join(parts)
    finally:
        await client.close()


async def _call(client: Any, text: str, dice: random.Random) -> str:
    body = {"model": "fake-model", "messages": [{"role": "user", "content": text}], "max_tokens": 32}
    if dice.random() < 0.5:
        reply = await client.chat.completions.create(**body)
        return str(reply.choices[0].message.content)
    stream = await client.chat.completions.create(**body, stream=True)
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def _around(client: Any, question: str) -> None:
    """Ask with a plain HTTP client that knows the run alone, as one that was built by another library would."""
    async with client:
        http = client._client  # noqa: SLF001 - past the hook, which would name the question
        body = {"model": "fake-model", "messages": [{"role": "user", "content": question}], "max_tokens": 8}
        headers = {"Authorization": f"Bearer {RUN_KEY}"}
        (await http.post(f"{RUN_URL}/chat/completions", json=body, headers=headers)).raise_for_status()
