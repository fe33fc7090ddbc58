"""The fields of the model event, and the loop in which a rival is measured."""

import sys
import time
import uuid
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

    id: uuid.UUID
    event_type: str
    timestamp: int
    correlation_id: uuid.UUID
    plan_id: str
    details: ToolCompleted


def event():
    id = uuid.uuid4()
    return DomainEvent(id, "tool.completed", time.time_ns(), id, PLAN, ToolCompleted(**DETAILS))


def emissions():
    """Each line of input says how many emissions the next round has."""
    for line in sys.stdin:
        yield int(line)


def answer(seconds, handled):
    """The end of a round: how long it took, and how many calls of handlers there were."""
    print(seconds, handled, flush=True)
