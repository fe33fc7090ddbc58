"""The fields of the model event, and the loop in which a rival is measured."""

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
    """As much as a plain class of Python needs; its id is a number, which is cheap."""

    id: int
    event_type: str
    timestamp: int
    correlation_id: int
    plan_id: str
    details: ToolCompleted


def event(number):
    return DomainEvent(number, "tool.completed", time.time_ns(), number, PLAN, ToolCompleted(**DETAILS))


def emissions():
    """Each line of input says how many emissions the next round has."""
    for line in sys.stdin:
        yield int(line)


def answer(seconds, handled):
    """The end of a round: how long it took, and how many calls of handlers there were."""
    print(seconds, handled, flush=True)
