"""MQTT brokers that a test has for itself: a real Mosquitto on a free port, killed and started again at will."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish
from paho.mqtt.client import MQTTv5

PATIENCE_S = 20.0
USER, PASSWORD = "dustcart", "sesame"


@dataclass
class Mosquitto:
    """A broker that keeps what it has on disk, and publishes as devices do."""

    folder: Path
    port: int
    tls: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://localhost:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            [_binary(), "-c", self.folder / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        give_up_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.02)
        raise AssertionError("Mosquitto does not answer")

    def save(self) -> None:
        """Have it write what it holds to disk."""
        stored = self.folder / "mosquitto.db"
        stored.unlink(missing_ok=True)
        self._tell(signal.SIGUSR1)
        give_up_s = time.monotonic() + PATIENCE_S
        while not stored.exists():
            assert time.monotonic() < give_up_s, "Mosquitto saves nothing"
            time.sleep(0.02)

    def kill(self) -> None:
        """Kill it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _tell(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def publish(self, topic: str, bodies: Sequence[bytes], *, qos: int = 1) -> None:
        """Publish messages, and wait until the broker has acknowledged them."""
        more: dict[str, Any] = {}
        if self.tls:
            more = {
                "auth": {"username": USER, "password": PASSWORD},
                "tls": {"ca_certs": str(self.folder / "ca.pem")},
            }
        messages = [{"topic": topic, "payload": body, "qos": qos} for body in bodies]
        publish.multiple(messages, hostname="localhost", port=self.port, protocol=MQTTv5, **more)


def _binary() -> str:
    # Debian keeps it where only root's path leads.
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("no Mosquitto on this machine (Debian: apt install mosquitto)")
    return found


@contextmanager
def mosquitto(folder: Path, *, tls: bool = False) -> Iterator[Mosquitto]:
    """Run a broker: open to anybody on this machine, or with TLS and a password."""
    _binary()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    if tls:
        _certify(folder)
        (folder / "passwords").write_text(f"{USER}:{PASSWORD}\n")
        subprocess.run(["mosquitto_passwd", "-U", folder / "passwords"], check=True)
    user = "root" if os.geteuid() == 0 else ""
    lines = [
        f"listener {port} 127.0.0.1",
        *([f"user {user}"] if user else []),
        "persistence true",
        f"persistence_location {folder}/",
        "max_queued_messages 0",
        f"allow_anonymous {'false' if tls else 'true'}",
    ]
    if tls:
        lines += [
            f"password_file {folder / 'passwords'}",
            f"certfile {folder / 'broker.pem'}",
            f"keyfile {folder / 'broker.key'}",
        ]
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    broker = Mosquitto(folder, port, tls)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def _certify(folder: Path) -> None:
    """Make an authority, and a certificate of it for localhost."""
    if shutil.which("openssl") is None:
        pytest.skip("no OpenSSL on this machine (Debian: apt install openssl)")

    def openssl(*words: str | Path) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req", "-x509", *key, "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-subj", "/CN=test authority"
    )
    openssl("req", *key, "-keyout", folder / "broker.key", "-out", folder / "broker.csr", "-subj", "/CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signed = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-CAcreateserial", "-extfile", folder / "names")
    openssl("x509", "-req", "-in", folder / "broker.csr", "-out", folder / "broker.pem", *signed)
