"""Faust, as this job wants it: no web server, runs of records, and no commits of its own."""

import tempfile
from pathlib import Path

import faust

from stream.job.connection import credentials
from stream.job.flow import Flow
from stream.job.tables import PromptTables
from stream.job.transport import RunConsumer, RunTransport
from stream.settings import Settings

# Bytes of each partition at once, some 3,000 events. While a worker is busy, its event loop reads a quarter of a MiB in
# a turn: of what takes many turns, a verdict that comes behind it waits for all.
FETCH = 1 << 20


def faust_app(settings: Settings) -> faust.App:
    """An app without agents or tables yet; its data folder is one that Faust insists on and that stays empty."""
    app = faust.App(
        settings.application_id,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.split(",")],
        broker_credentials=credentials(settings),
        broker_session_timeout=settings.session_timeout,
        broker_request_timeout=max(90.0, settings.session_timeout + 5),
        broker_max_poll_records=2 * settings.batch,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id,
        consumer_max_fetch_size=FETCH,
        TableManager=PromptTables,
        datadir=Path(tempfile.gettempdir()) / f"onsight-{settings.application_id}",
        key_serializer="raw",
        value_serializer="raw",
        stream_buffer_maxsize=1,
        stream_wait_empty=False,
        table_standby_replicas=settings.standby_replicas,
        topic_disable_leader=True,
        topic_replication_factor=settings.replication,
        web_enabled=False,
    )
    RunConsumer.run_limit = settings.batch
    app.transport = RunTransport(app.conf.broker, app)
    app.flow_control = Flow()
    return app
