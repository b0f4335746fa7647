"""A flow that is resumed twice keeps what its queues hold."""

import asyncio

from mode.utils.queues import FlowControlQueue

from stream.job.flow import Flow


def test_only_a_suspended_flow_clears_its_queues() -> None:
    async def left_after(*, suspended: bool) -> int:
        flow = Flow()
        queue = FlowControlQueue[str](flow_control=flow, clear_on_resume=True)
        flow.resume()
        await queue.put("a run that came before the end of recovery")
        if suspended:
            flow.suspend()
        flow.resume()
        return queue.qsize()

    assert asyncio.run(left_after(suspended=False)) == 1
    assert asyncio.run(left_after(suspended=True)) == 0
