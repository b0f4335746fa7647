"""Faust's flow control, which loses nothing when it is resumed twice."""

from mode.utils.queues import FlowControlEvent


class Flow(FlowControlEvent):
    """Clears the queues that it controls only after a suspension.

    At the end of recovery Faust resumes a flow that is active already, shortly after it has resumed the source's
    partitions. Runs that came in between wait in the agent's queue; cleared, they would be lost without a trace, as
    the consumer has read past them.
    """

    def resume(self) -> None:
        if not self.is_active():
            super().resume()
