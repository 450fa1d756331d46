"""A small cluster on this machine: Ray nodes with object stores of their own, and an S3 server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from l2sae.training.launch import free_port

STORE_BYTES = 80 * 2**20
"""Of each node's object store: rows and the model are small, photos do not pass through it."""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""That the S3 server takes; processes of a cluster find them in the environment that they were started with."""
PATIENCE = 120.0
"""Seconds that the S3 server may take to start."""
ATTEMPTS = 5
"""To start a node: Ray gives it half a minute, which is not always enough on a busy machine."""


@contextmanager
def object_store(bucket: str = "bucket") -> Iterator[str]:
    """Address of an S3 server (moto) in a process of its own, with one bucket; the extra ``remote-tests``.

    Its objects are gone when it ends. The environment holds its credentials meanwhile.
    """
    import fsspec

    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        address = f"http://127.0.0.1:{port}"
        fsspec.filesystem("s3", endpoint_url=address).makedirs(bucket, exist_ok=True)
        yield address
    finally:
        server.kill()
        server.wait()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class RayNodes:
    """A head that does no work, and nodes of one core each; the extra ``cluster``."""

    def __init__(self, count: int) -> None:
        os.environ.setdefault("RAY_worker_niceness", "0")  # by default they let all other programs of the machine pass
        from ray.cluster_utils import Cluster

        self.cluster: Any = Cluster()
        self._start(num_cpus=0, include_dashboard=False)
        self.nodes: list[Any] = []
        for _ in range(count):
            self.add()
        self.cluster.wait_for_nodes()

    def add(self) -> None:
        """Start a node; it takes batches as soon as it has joined."""
        self.nodes.append(self._start(num_cpus=1, wait=False))

    def _start(self, **options: Any) -> Any:
        for left in reversed(range(ATTEMPTS)):
            try:
                return self.cluster.add_node(object_store_memory=STORE_BYTES, **options)
            except Exception as error:  # Ray raises no other
                if not left or "timed out during startup" not in str(error):
                    raise
        raise AssertionError("the last attempt has raised")

    def kill(self) -> None:
        """End the oldest node and its workers at once, as when a machine is lost."""
        self.cluster.remove_node(self.nodes.pop(0), allow_graceful=False)


@contextmanager
def ray_nodes(count: int) -> Iterator[RayNodes]:
    """A cluster of this many nodes, with this process connected to it."""
    import ray

    nodes = RayNodes(count)
    try:
        ray.init(address=nodes.cluster.address, log_to_driver=False)
        yield nodes
    finally:
        ray.shutdown()
        nodes.cluster.shutdown()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("the S3 server (moto) has not started: pip install 'l2sae[remote,remote-tests]'")
