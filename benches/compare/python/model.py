"""The fields of the model event, and the loop in which a rival is measured."""

import random
import statistics
import sys
import time
from dataclasses import dataclass

DETAILS = {
    "tool": "edit_file",
    "call_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "attempts": 1,
    "duration_ms": 12,
    "output_bytes": 2048,
    "output_hash": bytes([7] * 32),
    "truncated": False,
}
PLAN = "01ARZ3NDEKTSV4RRFFQ69G5FAW"


@dataclass(slots=True)
class ToolCompleted:
    tool: str
    call_id: str
    attempts: int
    duration_ms: int
    output_bytes: int
    output_hash: bytes
    truncated: bool


@dataclass(slots=True)
class DomainEvent:
    """The fields of ours that have a value; the correlation id of an event that nothing caused is its own id."""

    id: int
    event_type: str
    timestamp: int
    correlation_id: int
    plan_id: str
    details: ToolCompleted


def event():
    # As ours: random bits of a generator of the process.
    id = random.getrandbits(128)
    return DomainEvent(id, "tool.completed", time.time_ns(), id, PLAN, ToolCompleted(**DETAILS))


def emissions():
    """Each line of input says how many emissions the next round has."""
    for line in sys.stdin:
        yield int(line)


def answer(parts, handled):
    """The end of a round: how long its parts, which are alike, took, and how many calls of handlers there were.

    The median part counts: one in which the machine did something else does not.
    """
    print(statistics.median(parts) * len(parts), handled, flush=True)
