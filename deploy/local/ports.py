"""Where the parts listen, always on 127.0.0.1: services and stand-ins on fixed ports, the broker on free ones that it
keeps."""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from deploy.local.directory import RunError, write_private
from deploy.standins.region import PORTS as STANDINS
from deploy.standins.region import Platform

ADDRESS = "127.0.0.1"
SERVICES = {"ingest": 8001, "classifier": 8002, "routing": 8003}


class BrokerPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What the next run reads of the file of ports, so that a client of the broker finds it again."""

    client: int
    monitor: int


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Every port of one run."""

    ingest: int
    classifier: int
    routing: int
    broker: BrokerPorts
    standins: Mapping[Platform, int]
    """Of those that are started."""

    def url(self, service: str) -> str:
        """The root address of `service`."""
        return f"http://{ADDRESS}:{getattr(self, service)}"

    @property
    def monitor(self) -> str:
        """The root address of the broker's own figures."""
        return f"http://{ADDRESS}:{self.broker.monitor}"

    def page(self, platform: Platform) -> str:
        """The root address of a stand-in."""
        return f"http://{ADDRESS}:{self.standins[platform]}"


def is_free(port: int) -> bool:
    """Whether something could listen there now."""
    with socket.socket() as probe:
        # Connections of an earlier run that linger in TIME_WAIT do not keep a server out.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
        return True


def pick(count: int) -> list[int]:
    """That many different ports, free a moment ago."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((ADDRESS, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def choose(environ: Mapping[str, str], remembered: Path, standins: Collection[Platform] = ()) -> Ports:
    """The ports of this run, also written to `remembered`, where commands beside it look.

    Raises RunError for a number that is none, is given twice, or is taken.
    """
    chosen: dict[str, int] = {}
    services = {service: _port(environ, service.upper(), service, port, chosen) for service, port in SERVICES.items()}
    doubles = {
        platform: _port(environ, f"STANDIN_{platform.upper()}", f"the stand-in of {platform}", port, chosen)
        for platform, port in STANDINS.items()
        if platform in standins
    }
    ports = Ports(broker=_broker(environ, remembered), standins=doubles, **services)
    noted = {**msgspec.structs.asdict(ports.broker), **services, "standins": doubles}
    write_private(remembered, msgspec.json.encode(noted).decode())
    return ports


def _port(environ: Mapping[str, str], name: str, what: str, default: int, chosen: dict[str, int]) -> int:
    """One port, noted among those `chosen`."""
    variable = f"OTKLIK_{name}_PORT"
    port = _number(variable, environ.get(variable) or str(default))
    if port in chosen.values():
        raise RunError(f"{variable}: two services cannot share port {port}.")
    if not is_free(port):
        raise RunError(
            f"port {port} for {what} is in use. Stop what listens there, "
            f"or choose another: {variable}=<port> (make run {name}_PORT=<port>)."
        )
    chosen[name] = port
    return port


def _broker(environ: Mapping[str, str], remembered: Path) -> BrokerPorts:
    try:
        broker = msgspec.json.decode(remembered.read_bytes(), type=BrokerPorts)
    except (FileNotFoundError, msgspec.MsgspecError):
        broker = None
    if broker is None or not (is_free(broker.client) and is_free(broker.monitor)):
        client, monitor = pick(2)
        broker = BrokerPorts(client=client, monitor=monitor)
    if wanted := environ.get("OTKLIK_NATS_PORT"):
        port = _number("OTKLIK_NATS_PORT", wanted)
        if not is_free(port):
            raise RunError(f"port {port} for the broker is in use. Choose another: OTKLIK_NATS_PORT=<port>.")
        broker = msgspec.structs.replace(broker, client=port)
    return broker


def _number(variable: str, text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535:
        return int(text)
    raise RunError(f"{variable}: {text!r} is no port; a whole number from 1 to 65535 is.")
