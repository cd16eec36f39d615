"""A small process between the platform and the engine that ends the engine's whole group, come what may.

Usage: `python -m docmind_core.serving.keeper --grace 35 (--pipe FD | --detached) -- COMMAND ...`

The keeper leads its own session; the engine and all it starts are in its process group. With `--pipe` it holds
the read end of a pipe whose write end only the platform has: a byte asks for an orderly stop, the end of the
pipe without a byte says that the platform is gone. With `--detached` it lives until it receives SIGTERM.
Measured with vLLM: a watchdog inside the API process isn't enough, since its workers survive it when it is killed.

Standard library only: it lives as long as the engine does, in about 10 MB.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from queue import SimpleQueue
from typing import NoReturn

ORPHAN_GRACE_S = 3.0
"""How long requests in flight get after the platform died: their answers are of no use."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command, and end the group when the platform, the engine or a SIGTERM says so."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--grace", type=float, required=True)
    life = parser.add_mutually_exclusive_group(required=True)
    life.add_argument("--pipe", type=int)
    life.add_argument("--detached", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    keep(options.command, pipe=options.pipe, grace_s=options.grace)


def keep(command: list[str], *, pipe: int | None, grace_s: float) -> NoReturn:
    """Start `command` and never return: the group, this process included, ends with SIGKILL.

    Args:
        command: Command line of the engine.
        pipe: Read end of the platform's pipe, or None for an engine that outlives its starter.
        grace_s: Seconds that an orderly stop may take.
    """
    if os.getpgrp() != os.getpid():
        os.setsid()  # started by hand: never kill the group of the user's shell
    # A SimpleQueue, unlike an Event, may be used by a signal handler that interrupts its own reader.
    reasons: SimpleQueue[float] = SimpleQueue()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: reasons.put(grace_s))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The engine's standard input stays open as long as this process lives; its launcher watches that.
    server = subprocess.Popen(command, stdin=subprocess.PIPE)

    def watch_pipe(descriptor: int) -> None:
        orderly = bool(os.read(descriptor, 1))
        reasons.put(grace_s if orderly else min(grace_s, ORPHAN_GRACE_S))

    def watch_server() -> None:
        server.wait()
        reasons.put(0.0)

    if pipe is not None:
        threading.Thread(target=watch_pipe, args=(pipe,), daemon=True).start()
    threading.Thread(target=watch_server, daemon=True).start()
    _end(server, reasons.get())


def _end(server: subprocess.Popen[bytes], grace_s: float) -> NoReturn:
    if server.poll() is None:
        _say("stopping the engine")
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(grace_s)
        except subprocess.TimeoutExpired:
            _say(f"the engine is still running after {grace_s:g} s, killing it")
    else:
        _say(f"the engine exited on its own, exit code {server.returncode}")
    os.killpg(0, signal.SIGKILL)
    raise SystemExit  # not reached: the group includes this process


def _say(line: str) -> None:
    sys.stdout.write(f"docmind keeper: {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
