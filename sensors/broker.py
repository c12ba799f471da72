"""A connection to an MQTT 5 broker whose messages are acknowledged when the caller says so, and held back until then.

aiomqtt hands messages out and acknowledges them by itself as they come in. Paho beneath it can leave that to the
caller (``manual_ack_set``, ``ack``), but aiomqtt neither sets it nor passes it on, and its queue drops what it has no
room for. So this client takes messages from paho itself and stops reading from the socket while it holds too many:
then the broker waits, and keeps them.
"""

import asyncio
import logging
import math
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from city.settings import Settings
from sensors.decoders import formats, tables
from sensors.errors import IntakeError

PORTS = {"mqtt": 1883, "mqtts": 8883}
AT_LEAST_ONCE = 1
# A retained message is old news except to a subscription that is new.
RETAINED_IF_NEW = SubscribeOptions.RETAIN_SEND_IF_NEW_SUB

# Messages of one transaction: at a thousand, what a commit costs is under a tenth of the whole (benchmarks/intake.py).
MOST_AT_ONCE = 1_000
MOST_BYTES_AT_ONCE = 16_000_000
# What the broker may send ahead of acknowledgements: one batch is stored while the next comes in.
RECEIVE_MAXIMUM = 2 * MOST_AT_ONCE
# Reading stops when so much waits. Only messages of quality 0, which need no acknowledgement, or large ones get there.
MOST_WAITING = 2 * RECEIVE_MAXIMUM
MOST_BYTES_WAITING = 64_000_000
# Packets read before anything else in the process gets its turn.
PACKETS_AT_ONCE = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where messages come from.

    Parameters
    ----------
    tls
        None: the connection is not encrypted.
    client_id
        Names the session that the broker keeps for us while we are away; two clients of one name push each other out.
    session_s
        How long it keeps it, in seconds.
    topics
        Topic filters, and the format of `sensors.decoders.formats` of what comes there; the first that fits counts.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    user: str | None
    password: str | None
    client_id: str
    session_s: int
    topics: Mapping[str, str]

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def broker_of(settings: Settings) -> Broker | None:
    """Return the broker that the settings name, or none.

    Raises
    ------
    IntakeError
        ``unknown_format`` or ``wrong_shape`` if topics are mapped to what is none, ``unreadable`` if a certificate or
        key file cannot be used; naming them.
    """
    if not settings.mqtt_url:
        return None
    for topic, name in settings.mqtt_topics.items():
        if name not in formats() or name in tables():
            known = ", ".join(one for one in formats() if one not in tables())
            raise IntakeError(
                "unknown_format", f"mqtt_topics: what comes to {topic} is to be {name!r}; known are {known}"
            )
        try:
            aiomqtt.Wildcard(topic)
        except ValueError as error:
            raise IntakeError("wrong_shape", f"mqtt_topics: {topic!r} is no topic filter") from error
    url = urlsplit(settings.mqtt_url)
    return Broker(
        host=url.hostname or "",
        port=url.port or PORTS[url.scheme],
        tls=_tls(settings) if url.scheme == "mqtts" else None,
        user=settings.mqtt_user or None,
        password=settings.mqtt_password.get_secret_value() or None,
        client_id=settings.mqtt_client_id,
        session_s=round(settings.mqtt_session_hours * 3600),
        topics=settings.mqtt_topics,
    )


def _tls(settings: Settings) -> ssl.SSLContext:
    files: list[Path | None] = [settings.mqtt_ca_file, settings.mqtt_cert_file, settings.mqtt_key_file]
    try:
        context = ssl.create_default_context(cafile=settings.mqtt_ca_file)
        if settings.mqtt_cert_file is not None:
            context.load_cert_chain(settings.mqtt_cert_file, settings.mqtt_key_file)
    except OSError as error:
        named = ", ".join(str(file) for file in files if file is not None)
        raise IntakeError("unreadable", f"the broker's certificates ({named}) cannot be used: {error}") from error
    return context


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a broker; without an id nobody waits for its acknowledgement."""

    topic: str
    body: bytes
    packet_id: int | None


class Connection(aiomqtt.Client):
    """One connection; enter it once. After a disconnection make another: packet ids are only good for their own."""

    def __init__(self, broker: Broker) -> None:
        connect = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect.SessionExpiryInterval = broker.session_s
        connect.ReceiveMaximum = RECEIVE_MAXIMUM
        super().__init__(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            identifier=broker.client_id,
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=connect,
            tls_context=broker.tls,
        )
        self._client.manual_ack_set(True)
        self._broker = broker
        self._waiting: deque[Received] = deque()
        self._waiting_bytes = 0
        self._came = asyncio.Event()
        self._is_paused = False
        self._subscribing: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Subscribe to every topic, while batches are taken already; one that is refused ends the connection.

        The broker may send all that a session holds before it answers, more than there is room for: who waited for
        the answer with nobody taking messages would wait for ever.
        """
        self._subscribing = self._loop.create_task(self._subscribe_all())
        self._subscribing.add_done_callback(self._end_if_refused)

    @property
    def is_subscribed(self) -> bool:
        """Whether the broker has granted everything that was asked for."""
        task = self._subscribing
        return task is not None and task.done() and not task.cancelled() and task.exception() is None

    async def _subscribe_all(self) -> None:
        options = SubscribeOptions(qos=AT_LEAST_ONCE, retainHandling=RETAINED_IF_NEW)
        for topic in self._broker.topics:
            (granted, *_) = await self.subscribe(topic, options=options, timeout=math.inf)
            code = granted if isinstance(granted, int) else granted.value
            if code != AT_LEAST_ONCE:
                raise aiomqtt.MqttError(f"the broker does not grant {topic} with quality 1, but says {granted}")
        log.info("listening to the broker %s as %s", self._broker, self._broker.client_id)

    def _end_if_refused(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self._disconnected.done():
            self._disconnected.set_exception(error)

    async def batch(self, stop: asyncio.Event) -> list[Received]:
        """Return what has come, at least one message, as much as fits a transaction; nothing once told to stop.

        Raises
        ------
        aiomqtt.MqttError
            If the connection is lost. What was not acknowledged comes again.
        """
        while not self._waiting and not self._disconnected.done() and not stop.is_set():
            self._came.clear()
            waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(event.wait()) for event in (self._came, stop)]
            try:
                await asyncio.wait([*waits, self._disconnected], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        if self._disconnected.done():
            cause = self._disconnected.exception()
            raise aiomqtt.MqttError(f"the connection was lost: {cause or 'closed'}") from cause
        batch: list[Received] = []
        size = 0
        while self._waiting and len(batch) < MOST_AT_ONCE and size < MOST_BYTES_AT_ONCE and not stop.is_set():
            batch.append(self._waiting.popleft())
            size += len(batch[-1].body)
        self._waiting_bytes -= size
        self._resume()
        return batch

    def acknowledge(self, batch: list[Received]) -> None:
        """Tell the broker that it may forget messages; on a lost connection it sends them again instead."""
        for received in batch:
            if received.packet_id is not None:
                self._client.ack(received.packet_id, AT_LEAST_ONCE)

    def abandon(self) -> None:
        """Close what is left of a connection, however it ended."""
        if self._subscribing is not None:
            self._subscribing.cancel()
        self._client._sock_close()

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:  # noqa: ARG002
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._waiting.append(Received(topic, bytes(message.payload), message.mid if message.qos else None))
        self._waiting_bytes += len(message.payload)
        self._came.set()

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        super()._on_socket_open(client, userdata, sock)
        # In place of the callback that aiomqtt has just put there.
        self._loop.call_soon_threadsafe(self._loop.add_reader, sock.fileno(), self._read)

    def _read(self) -> None:
        """Read what has come, as long as there is room for it."""
        if self._is_paused:
            return
        try:
            for _ in range(PACKETS_AT_ONCE):
                before = len(self._waiting)
                self._client.loop_read()
                sock: Any = self._client.socket()
                if self._is_full():
                    self._is_paused = True
                    if sock is not None:
                        self._loop.remove_reader(sock.fileno())
                    return
                # Bytes that TLS has decrypted already no longer show on the socket.
                if len(self._waiting) == before and not (isinstance(sock, ssl.SSLSocket) and sock.pending()):
                    return
            self._loop.call_soon(self._read)
        except Exception as error:  # noqa: BLE001 - whatever it is, this connection is of no use any more
            if not self._disconnected.done():
                self._disconnected.set_exception(error)

    def _resume(self) -> None:
        sock: Any = self._client.socket()
        if self._is_paused and not self._is_full() and sock is not None:
            self._is_paused = False
            self._loop.add_reader(sock.fileno(), self._read)
            self._loop.call_soon(self._read)

    def _is_full(self) -> bool:
        return len(self._waiting) >= MOST_WAITING or self._waiting_bytes >= MOST_BYTES_WAITING
