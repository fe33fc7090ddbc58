"""Async handlers of a bus of bubus; the argument says how many."""

import asyncio
import sys
import time

from bubus import BaseEvent, EventBus

import model

# Its queue holds 50 events and its `dispatch` raises beyond that.
BURST = 16


class ToolCompleted(BaseEvent):
    tool: str
    call_id: str
    attempts: int
    duration_ms: int
    output_bytes: int
    output_hash: bytes
    truncated: bool
    plan_id: str


handled = 0


def counting(place):
    async def handler(_event):
        global handled
        handled += 1

    handler.__name__ = f"handler_{place}"
    return handler


async def main():
    global handled
    bus = EventBus(name="Compared")
    for place in range(int(sys.argv[1])):
        bus.on(ToolCompleted, counting(place))
    for emissions in model.emissions():
        handled = 0
        parts = []
        for _ in range(emissions // BURST):
            begun = time.perf_counter()
            events = [bus.dispatch(ToolCompleted(plan_id=model.PLAN, **model.DETAILS)) for _ in range(BURST)]
            for event in events:
                await event
            parts.append(time.perf_counter() - begun)
        model.answer(parts, handled)


asyncio.run(main())
