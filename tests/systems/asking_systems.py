"""Systems under test of the kind that users bring, in one file: `callable: asking_systems.py:NAME`."""

import asyncio
import json
import os
import sys
import urllib.parse
import urllib.request
import uuid


def chat(content, *, base_url=None, api_key=None, headers=None, **body):
    """Ask the model in the simplest way there is: no SDK."""
    url = f"{base_url or os.environ['OPENAI_BASE_URL']}/chat/completions"
    asked = {"model": "fake-model", "messages": [{"role": "user", "content": content}], "max_tokens": 32, **body}
    if system := asked.pop("system", None):
        asked["messages"].insert(0, {"role": "system", "content": system})
    request = urllib.request.Request(url, json.dumps(asked).encode(), {"Content-Type": "application/json"})
    request.add_header("Authorization", f"Bearer {api_key or os.environ['OPENAI_API_KEY']}")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())["choices"][0]["message"]["content"]


def one_call(question):
    return {"answer": chat(question)}


async def two_agents(question, history):
    """A planner that names itself in a header and a writer that is known by its prompt; the second reads the first."""
    plan = await asyncio.to_thread(chat, question, headers={"x-docmind-agent": "planner"})
    answer = await asyncio.to_thread(chat, f"{question} {plan} {len(history)}", system="You write answers.")
    print("a line on standard output")
    return {"output": answer, "documents": [{"id": "d_apples"}, {"id": "elsewhere"}]}


RUN_URL = os.environ.get("OPENAI_BASE_URL", "")
"""As a client has it that is built once, when its module is imported."""


RUN_KEY = os.environ.get("OPENAI_API_KEY")


def built_once(question):
    return chat(question, base_url=RUN_URL, api_key=RUN_KEY)


def searching(question):
    url = f"{os.environ['SEARCH_URL']}?k=2&q={urllib.parse.quote(question)}"
    with urllib.request.urlopen(url, timeout=30) as response:
        found = json.loads(response.read())["results"]
    return chat(f"{question} {found[0]['text']}")


def around_the_proxy(question):
    return chat(question, base_url=os.environ["ENGINE_URL"])


def another_api(question):
    """As a client of Anthropic's API asks."""
    url = f"{os.environ['OPENAI_BASE_URL']}/messages"
    asked = {"model": "fake-model", "max_tokens": 32, "messages": [{"role": "user", "content": question}]}
    request = urllib.request.Request(url, json.dumps(asked).encode(), {"x-api-key": os.environ["OPENAI_API_KEY"]})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())["content"][0]["text"]


ASKED = []


def around_it_later(question):
    ASKED.append(question)
    return chat(question) if len(ASKED) == 1 else around_the_proxy(question)


def changing(question):
    return chat(f"{question} {chat(question + ' ' + uuid.uuid4().hex)}")


def raises(question):
    chat(question)
    raise ValueError(f"no idea about {question}")


def exits(question):
    chat(question)
    os._exit(7)


def no_answer(question):
    return {"thought": chat(question, model=None)}


ANSWERED = []


def late(question):
    """Answer, after a call more for each question that was answered before: of one at least the answer has arrived."""
    for url in ANSWERED:
        chat("an afterthought", base_url=url)
    answer = chat(question)
    ANSWERED.append(os.environ["OPENAI_BASE_URL"])
    return answer


def command():
    """One line in, one line out; what was asked for says how it goes wrong."""
    asked = json.loads(sys.stdin.readline())
    answer = chat(asked["question"])
    how = sys.argv[1] if len(sys.argv) > 1 else "well"
    if how == "fails":
        sys.exit(3)
    print("garbage" if how == "garbage" else json.dumps({"answer": answer, "sources": ["d_apples#0"]}))


if __name__ == "__main__":
    command()
