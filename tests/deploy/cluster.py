"""A Kubernetes control plane of one test session: etcd, an API server and the controllers, on free ports.

There are no nodes. `Cluster.run_pods` does what kubelets would tell: pods are ready, those of jobs have succeeded.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tools import HELM, debian, kubernetes, program, run

PATIENCE = 120.0  # seconds
TOKEN = "administrator"
READY = [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as held:
        return int(held.getsockname()[1])


class Cluster:
    """A running control plane; `environment` lets kubectl and helm find it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.kubeconfig = folder / "kubeconfig"
        server = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
        self.kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "test", "cluster": server}],
                    "users": [{"name": "admin", "user": {"token": TOKEN}}],
                    "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
                    "current-context": "test",
                }
            )
        )
        self.kubeconfig.chmod(0o600)
        path = f"{kubernetes()}:{program(*HELM).parent}:{os.environ['PATH']}"
        self.environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def kubectl(self, *words: object, **options: object) -> str:
        return run([kubernetes() / "kubectl", *words], env=self.environment, **options)

    def helm(self, *words: object) -> str:
        return run([program(*HELM), *words], env=self.environment)

    def get(self, namespace: str, kind: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = json.loads(self.kubectl("-n", namespace, "get", kind, "-o", "json"))[
            "items"
        ]
        return items

    def run_pods(self, namespace: str) -> None:
        """Tell of every pod that it runs and is ready; of a job's, that it is done."""
        for pod in self.get(namespace, "pods"):
            once = pod["metadata"]["ownerReferences"][0]["kind"] == "Job"
            phase = "Succeeded" if once else "Running"
            if pod["status"].get("phase") != phase and "deletionTimestamp" not in pod["metadata"]:
                status = {"status": {"phase": phase, "conditions": [] if once else READY}}
                words = (
                    "patch",
                    "pod",
                    pod["metadata"]["name"],
                    "--subresource=status",
                    "--type=merge",
                    "-p",
                )
                self.kubectl("-n", namespace, *words, json.dumps(status))

    def settle(self, namespace: str) -> None:
        """Play the nodes until every worker is of the newest revision and ready, and every job done."""

        def settled() -> bool:
            self.run_pods(namespace)
            sets, jobs = self.get(namespace, "statefulsets"), self.get(namespace, "jobs")
            return all(map(is_rolled_out, sets)) and all(job["status"].get("succeeded") for job in jobs)

        wait(settled, f"the workloads in {namespace}")


def is_rolled_out(workload: dict[str, Any]) -> bool:
    wanted, status = workload["spec"]["replicas"], workload["status"]
    return (
        status.get("observedGeneration") == workload["metadata"]["generation"]
        and status.get("readyReplicas", 0) == status.get("updatedReplicas", 0) == wanted
        and status.get("currentRevision") == status.get("updateRevision")
    )


def wait(condition: Any, what: str, processes: Sequence[tuple[subprocess.Popen[bytes], Path]] = ()) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        for process, log in processes:
            assert process.poll() is None, f"{log}:\n{log.read_text()[-4000:]}"
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain for {what}"
        time.sleep(0.3)


@contextmanager
def control_plane(folder: Path) -> Iterator[Cluster]:
    store, peer, port = free_port(), free_port(), free_port()
    cluster = Cluster(folder, port)
    (folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    key = rsa.generate_private_key(65537, 2048)
    (folder / "accounts.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    etcd = [debian("etcd-server", "usr/bin/etcd"), "--data-dir", folder / "etcd", "--unsafe-no-fsync"]
    for kind, number in (("client", store), ("peer", peer)):
        etcd += [f"--listen-{kind}-urls=http://127.0.0.1:{number}"]
    etcd += [f"--advertise-client-urls=http://127.0.0.1:{store}"]
    etcd += [f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}"]
    etcd += [f"--initial-cluster=default=http://127.0.0.1:{peer}"]
    server = [
        kubernetes() / "kube-apiserver",
        f"--etcd-servers=http://127.0.0.1:{store}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={folder / 'accounts.key'}",
        f"--service-account-signing-key-file={folder / 'accounts.key'}",
    ]
    controllers = [
        kubernetes() / "kube-controller-manager",
        f"--kubeconfig={cluster.kubeconfig}",
        f"--service-account-private-key-file={folder / 'accounts.key'}",
        "--leader-elect=false",
        f"--secure-port={free_port()}",
        f"--cert-dir={folder / 'certificates-of-controllers'}",
        "--bind-address=127.0.0.1",
    ]
    with ExitStack() as stack:
        processes = [started(stack, command, folder) for command in (etcd, server)]
        wait(lambda: is_up(cluster), "the API server", processes)
        processes.append(started(stack, controllers, folder))
        wait(lambda: cluster.get("default", "serviceaccounts"), "the controllers", processes)
        yield cluster


def started(stack: ExitStack, command: list[Any], folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    log = folder / f"{Path(command[0]).name}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(list(map(str, command)), stdout=file, stderr=file)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process, log


def is_up(cluster: Cluster) -> bool:
    command = [kubernetes() / "kubectl", "get", "--raw=/readyz"]
    return subprocess.run(command, env=cluster.environment, capture_output=True).returncode == 0
