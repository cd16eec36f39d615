"""Every error this project raises on purpose.

    DocMindError
    ├── UsageError              the request can't be served as written (unknown suite, arm, key, option)
    ├── SettingsError           an environment variable is missing or malformed
    ├── SuiteError              a suite file is not valid
    ├── QuerySetError           a query set is not valid
    ├── RetrievalError          an index can't be built or searched
    ├── EngineError             the engine can't be used
    │   ├── EngineStartError    a managed engine did not come up
    │   ├── EngineUnreachable   nothing answers at the URL, or it stopped answering
    │   ├── RequestRejected     the engine refused a request (HTTP 4xx): never retried
    │   ├── CallTimeout         a call ran past its deadline
    │   └── OutputInvalid       the engine answered, but not in the form that was asked for
    ├── AgentError              an agent could not do its task
    │   ├── AgentTimeout        an agent ran past its deadline
    │   ├── BudgetUnknown       an arm that spends what another one spent does not know how much that was
    │   ├── SystemFailed        a user's system raised, or answered with an error status
    │   ├── SystemExited        the process of a user's system ended before it had answered
    │   ├── ContextOverflow     a prompt can't be made to fit the context window; it was not sent
    │   └── NoAnswer            the model's last reply holds no answer, or did not end by itself
    ├── RunError                a benchmark run cannot continue
    │   └── HomeLocked          another process is running in the same home
    ├── StoreError              the tables can't be read or written
    └── DeliveryError           a channel did not take an alert's message

Each message says where, what, and what to do next. Only the process boundary (the command line, an asset)
catches `DocMindError`.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class DocMindError(Exception):
    """Root of all errors raised on purpose; its text is one line for the person at the keyboard."""


class UsageError(DocMindError):
    """The request can't be served as written."""


class SettingsError(DocMindError):
    """An environment variable is missing or malformed."""


class SuiteError(DocMindError):
    """A suite file is not valid."""

    rest: object = None
    """The suite without the keys that are wrong, where there is one: what it names can be checked in the same round."""


class QuerySetError(DocMindError):
    """A query set is not valid; the text holds every problem found, one a line."""


class RetrievalError(DocMindError):
    """An index can't be built or searched."""


class EngineError(DocMindError):
    """The engine can't be used."""


class EngineStartError(EngineError):
    """A managed engine did not come up; the text names its log file."""


class EngineUnreachable(EngineError):
    """Nothing answers at the URL, or it stopped answering."""

    others_had_replies = False
    """Whether other calls had replies while all attempts of this one failed."""


class RequestRejected(EngineError):
    """The engine refused a request with HTTP 4xx; repeating it would be refused again."""


class CallTimeout(EngineError):
    """A call ran past its deadline."""


class OutputInvalid(EngineError):
    """The engine answered, but not in the form that was asked for."""


class AgentError(DocMindError):
    """An agent could not do its task."""


class AgentTimeout(AgentError):
    """An agent ran past its deadline."""


class BudgetUnknown(AgentError):
    """An arm that spends what another one spent on the query does not know how much that was."""


class SystemFailed(AgentError):
    """A user's system raised an exception, or what it sent is not an answer."""


class SystemExited(AgentError):
    """The process of a user's system ended before it had answered."""


class ContextOverflow(AgentError):
    """A prompt can't be made to fit the context window without losing the query; it was not sent."""


class NoAnswer(AgentError):
    """The reply that should have been the answer holds none, or did not end by itself."""


class RunError(DocMindError):
    """A benchmark run cannot continue."""


class WorkerLost(RunError):
    """The process or the node that answered a shard is gone; what it had finished is in the shard's journal."""


class HomeLocked(RunError):
    """Another process is running a benchmark in the same home."""


class StoreError(DocMindError):
    """The tables can't be read or written."""


class DeliveryError(DocMindError):
    """A channel did not take an alert's message; its URL is not in the text."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean X?` where one of the known names is close to `name`; nothing where none is."""
    close = get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""
