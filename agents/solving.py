"""The solving process: reads questions from its standard input, answers on its standard output, knows only routing.

It ends when its input does, which is when the program that started it ends, however that came about.
"""

import os
import pickle
import struct
import sys
import traceback
from typing import IO, Any

from routing.errors import RoutingError

# A message is its length, eight bytes, and a pickle.
LENGTH = struct.Struct("<Q")


def send(channel: IO[bytes], message: Any) -> None:
    """Write one message."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    channel.write(LENGTH.pack(len(body)))
    channel.write(body)
    channel.flush()


def receive(channel: IO[bytes]) -> Any:
    """Read one message; the two ends are processes of one program, so a pickle is safe.

    Raises
    ------
    EOFError
        If the other end is gone.
    """
    head = channel.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError("the other process is gone")
    (size,) = LENGTH.unpack(head)
    body = channel.read(size)
    if len(body) < size:
        raise EOFError("the other process is gone")
    return pickle.loads(body)  # noqa: S301


def main() -> None:
    """Answer whatever is asked, one after the other. The engines are loaded before the first question comes."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what an engine prints must not get among the answers
    from agents.replanning import replan_all  # noqa: PLC0415
    from routing.engines import recreate  # noqa: PLC0415
    from routing.solve import Budget, solve  # noqa: PLC0415

    recreate.warm()
    while True:
        try:
            wish, *given = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if wish == "replan":
                answer: tuple[str, object] = "done", replan_all(*given)
            else:
                problem, seconds, seed, start = given
                answer = "done", solve(problem, Budget(seconds, cores=1), seed=seed, start=start)
        except RoutingError as error:
            answer = "refused", str(error)
        except Exception:  # noqa: BLE001 - it is told to whoever asked
            answer = "failed", traceback.format_exc()
        try:
            send(answers, answer)
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
