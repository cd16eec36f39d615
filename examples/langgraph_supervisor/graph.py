"""A supervisor with four workers, in the shape of DocMind AI: it dispatches two of them in parallel by `Send`.

Nothing in here knows about DocMind Eval: the client takes base URL and key from OPENAI_BASE_URL and OPENAI_API_KEY, as
any client of the OpenAI API does.
"""

import asyncio
import json
import operator
import os
from typing import Annotated, Any, TypedDict
from urllib.parse import urlencode
from urllib.request import urlopen

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, Send

GATHERERS = ("planner", "retriever")
INSTRUCTIONS = {
    "supervisor": "You lead four workers. Say which of planner and retriever the question needs.",
    "planner": "You split a question into the facts that it asks for, one a line.",
    "retriever": "You copy from the passages the sentences that answer the question.",
    "synthesizer": "You answer the question in one short sentence, from the notes alone.",
    "validator": "You say yes if the answer follows from the notes, and no if it does not.",
}


class State(TypedDict):
    messages: Annotated[list[Any], add_messages]
    notes: Annotated[list[str], operator.add]
    sources: list[str]


def search(question: str) -> list[dict[str, str]]:
    """Search the documents of the query set if a benchmark serves them; otherwise, find nothing."""
    url = os.environ.get("SEARCH_URL")
    if not url:
        return []
    with urlopen(f"{url}?{urlencode({'q': question, 'k': 3})}", timeout=60) as response:
        return json.load(response)["results"]


def make_graph() -> Any:
    """Build agents and graph; called once per question, so that each question has its own client."""
    llm = ChatOpenAI(model=os.environ.get("MODEL", "gpt-4o-mini"), max_tokens=32, temperature=0)
    agents = {
        name: create_agent(llm, tools=[], system_prompt=instructions, name=name)
        for name, instructions in INSTRUCTIONS.items()
    }

    async def ask(name: str, text: str) -> str:
        state = await agents[name].ainvoke({"messages": [{"role": "user", "content": text}]})
        return str(state["messages"][-1].content)

    async def supervisor(state: State) -> Command:
        question = state["messages"][-1].content
        said = await ask("supervisor", question)
        chosen = [name for name in GATHERERS if name in said.lower()] or GATHERERS
        return Command(goto=[Send(name, state) for name in chosen])

    async def planner(state: State) -> dict[str, Any]:
        return {"notes": [await ask("planner", state["messages"][-1].content)]}

    async def retriever(state: State) -> dict[str, Any]:
        question = state["messages"][-1].content
        found = await asyncio.to_thread(search, question)
        passages = "\n\n".join(passage["text"] for passage in found)
        said = await ask("retriever", f"{passages}\n\nQuestion: {question}")
        return {"notes": [said], "sources": [passage["id"] for passage in found]}

    async def synthesizer(state: State) -> dict[str, Any]:
        notes = "\n".join(state["notes"])
        answer = await ask("synthesizer", f"Notes:\n{notes}\n\nQuestion: {state['messages'][-1].content}")
        return {"messages": [{"role": "assistant", "content": answer}]}

    async def validator(state: State) -> dict[str, Any]:
        notes, answer = "\n".join(state["notes"]), state["messages"][-1].content
        return {"notes": [await ask("validator", f"Notes:\n{notes}\n\nAnswer: {answer}")]}

    builder = StateGraph(State)
    builder.add_node("supervisor", supervisor, destinations=GATHERERS)
    for node in (planner, retriever, synthesizer, validator):
        builder.add_node(node.__name__, node)
    builder.add_edge(START, "supervisor")
    for name in GATHERERS:
        builder.add_edge(name, "synthesizer")
    builder.add_edge("synthesizer", "validator")
    builder.add_edge("validator", END)
    return builder.compile()


graph = make_graph()
"""The same graph, built once for all questions; `graph: ./graph.py:graph` measures it, too."""
