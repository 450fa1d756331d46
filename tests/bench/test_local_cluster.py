"""A server that did not start is said; nodes and the S3 server themselves: `tests/bulk/test_ray_nodes.py`."""

import socket
import subprocess
import sys

import pytest

from l2sae.bench import local_cluster
from l2sae.training.launch import free_port


def test_a_server_that_has_ended_is_not_waited_for() -> None:
    server = subprocess.Popen([sys.executable, "-c", ""])
    server.wait()
    with pytest.raises(RuntimeError, match="the S3 server"):
        local_cluster._wait_for(free_port(), server)


def test_a_server_is_there_once_its_port_answers() -> None:
    server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            local_cluster._wait_for(listener.getsockname()[1], server)
    finally:
        server.kill()
        server.wait()
