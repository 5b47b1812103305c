# SPDX-License-Identifier: Apache-2.0
"""A player for Symphony in five lines:

    import symphony_player as symphony

    def play(call, report):
        return {"words": len(call.inputs["text"].split())}

    symphony.serve(play)

The manifest says `[runtime] sdk = "python"`; the host then puts this file where Python finds it. Standard library
only, Python 3.9 or later.
"""

from __future__ import annotations

import array
import collections
import json
import os
import select
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

HELLO, REQUEST, RESPONSE, ERROR, STREAM, CANCEL = 0, 2, 3, 4, 5, 7
EVENT, PING, PONG, FD_PASS, LOG, GOAWAY = 9, 10, 11, 12, 14, 15
SPILLED = "application/vnd.symphony.value+json"
INLINE = 64 * 1024
_HEADER = struct.Struct("<BBI")


class Failure(Exception):
    """Ends a call. `kind` is one of: timeout io crash rate_limited invalid_output refused budget cancelled denied."""

    def __init__(
        self, kind: str, message: str, retry_after: float | None = None, cost_micros: int = 0, tokens: int = 0
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.retry_after = kind, message, retry_after
        self.usage = {"cost_micros": cost_micros, "tokens": tokens}


class Call:
    """What to play: operation, inputs, settings, outputs, path, attempt, seed, working_dir, idempotency_key."""

    operation: str
    inputs: dict[str, Any]
    settings: dict[str, Any]
    outputs: list[dict[str, Any]]
    path: str
    attempt: int
    seed: int
    working_dir: str
    idempotency_key: str

    def __init__(self, request: Mapping[str, Any], inputs: dict[str, Any]) -> None:
        self.__dict__.update(request)
        self.inputs = inputs


class Report:
    """How a player speaks to the host while it plays."""

    def __init__(self, bus: _Bus, call: int, files: dict[str, int]) -> None:
        self._bus, self._call, self._files, self._given = bus, call, files, 0
        self.usage = {"cost_micros": 0, "tokens": 0}

    def progress(self, fraction: float | None = None, message: str = "") -> None:
        """How far it is (0 to 1) and what it is doing."""
        self._bus.send(EVENT, {"id": self._call, "fraction": fraction, "message": message or None})

    def chunk(self, port: str, text: str) -> None:
        """A piece of an output that is still being made."""
        for start in range(0, len(text), 16384):
            self._bus.send(STREAM, {"id": self._call, "port": port, "text": text[start : start + 16384]})

    def log(self, level: str, message: object) -> None:
        """A line for the log: debug, info, warn or error."""
        self._bus.send(LOG, {"level": level, "message": str(message)[:8000]})

    def cost(self, cost_micros: int = 0, tokens: int = 0) -> None:
        """What the call has cost."""
        self.usage = {"cost_micros": cost_micros, "tokens": tokens}

    def cancelled(self) -> bool:
        """Whether the host wants the call to stop. A player that does not look is killed soon after."""
        return self._bus.cancelled(self._call)

    def open(self, artifact: Mapping[str, Any]) -> IO[bytes]:
        """Opens an artifact of the inputs for reading."""
        if artifact["$artifact"] not in self._files:
            raise FileNotFoundError(artifact["$artifact"] + " did not come with the inputs")
        file = os.fdopen(os.dup(self._files[artifact["$artifact"]]), "rb")
        file.seek(0)
        return file

    def give(self, content: bytes | IO[bytes], media_type: str) -> dict[str, int]:
        """Hands bytes or an open file over as an output."""
        if isinstance(content, bytes):
            fd = os.memfd_create("output")
            with os.fdopen(os.dup(fd), "wb") as file:
                file.write(content)
        else:
            content.flush()
            fd = os.dup(content.fileno())
        self._bus.send(FD_PASS, {"id": self._call, "media_type": media_type}, [fd])
        os.close(fd)
        self._given += 1
        return {"$file": self._given - 1}

    def _unspill(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._unspill(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$artifact" in value:
            return json.load(self.open(value)) if value.get("media_type") == SPILLED else value
        return {key: self._unspill(item) for key, item in value.items()}

    def _spill(self, value: Any) -> Any:
        text = json.dumps(value)
        return value if len(text) <= INLINE else self.give(text.encode(), SPILLED)


class _Bus:
    def __init__(self) -> None:
        number = os.environ.get("SYMPHONY_BUS_FD")
        if number is None:
            sys.exit("this program is a player of Symphony: a host starts it (SYMPHONY_BUS_FD is not set)")
        self.socket = socket.socket(fileno=int(number))
        os.set_inheritable(self.socket.fileno(), False)
        self.data = bytearray()
        self.fds: collections.deque[int] = collections.deque()
        self.frames: collections.deque[tuple[int, dict[str, Any]]] = collections.deque()
        self.stopped: set[int] = set()
        self.files: dict[str, int] = {}
        self.gone = False

    def send(self, kind: int, message: Mapping[str, Any], fds: Sequence[int] = ()) -> None:
        payload = json.dumps(message).encode()
        data = memoryview(_HEADER.pack(1, kind, len(payload)) + payload)
        if fds:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
            data = data[self.socket.sendmsg([data], rights) :]
        self.socket.sendall(data)

    def receive(self) -> None:
        """Reads once; frames that are whole are put in line."""
        room = socket.CMSG_SPACE(256 * array.array("i").itemsize)
        data, control, _, _ = self.socket.recvmsg(65536, room)
        for level, kind, passed in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array("i")
                fds.frombytes(passed[: len(passed) - len(passed) % fds.itemsize])
                self.fds.extend(fds)
        self.gone = not data
        self.data += data
        while len(self.data) >= 6:
            _, kind, length = _HEADER.unpack_from(self.data)
            if len(self.data) < 6 + length:
                break
            payload = bytes(self.data[6 : 6 + length])
            del self.data[: 6 + length]
            message: dict[str, Any] = json.loads(payload) if kind < 128 else {}
            if kind in (REQUEST, FD_PASS):
                for digest in message.get("artifacts", ()):
                    self.files[digest] = self.fds.popleft()
            if kind == CANCEL:
                self.stopped.add(message["id"])
            elif kind == PING:
                self.send(PONG, {})
            elif kind in (REQUEST, GOAWAY):
                self.frames.append((kind, message))

    def cancelled(self, call: int) -> bool:
        while not self.gone and select.select([self.socket], [], [], 0)[0]:
            self.receive()
        return self.gone or call in self.stopped

    def next_request(self) -> dict[str, Any] | None:
        while not self.frames and not self.gone:
            self.receive()
        kind, message = self.frames.popleft() if self.frames else (GOAWAY, {})
        return message if kind == REQUEST else None


def serve(play: Callable[[Call, Report], Mapping[str, Any] | None]) -> None:
    """Plays calls until the host closes the bus. `play(call, report)` returns a dict of outputs by port."""
    bus = _Bus()
    bus.send(HELLO, {"protocol": 1, "sdk": "python"})
    while (request := bus.next_request()) is not None:
        call = request["id"]
        report = Report(bus, call, bus.files)
        try:
            inputs = {port: report._unspill(value) for port, value in request["inputs"].items()}
            outputs = play(Call(request, inputs), report) or {}
            outputs = {port: report._spill(value) for port, value in outputs.items()}
            bus.send(RESPONSE, {"id": call, "outputs": outputs, "usage": report.usage})
        except Failure as failure:
            wait = None if failure.retry_after is None else int(failure.retry_after * 1000)
            error = {"id": call, "class": failure.kind, "message": failure.message}
            bus.send(ERROR, {**error, "retry_after_ms": wait, "usage": failure.usage})
        except Exception:
            text = traceback.format_exc(limit=-3)
            bus.send(ERROR, {"id": call, "class": "crash", "message": text[-4000:], "usage": report.usage})
        for fd in bus.files.values():
            os.close(fd)
        bus.files.clear()
        bus.stopped.discard(call)
