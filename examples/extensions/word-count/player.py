# SPDX-License-Identifier: Apache-2.0
# A player with nothing but the standard library: frames are [version u8][type u8][length u32 LE][JSON].
import json
import os
import socket
import struct

bus = socket.socket(fileno=int(os.environ["SYMPHONY_BUS_FD"])).makefile("rwb")


def send(kind: int, **message: object) -> None:
    payload = json.dumps(message).encode()
    bus.write(struct.pack("<BBI", 1, kind, len(payload)) + payload)
    bus.flush()


send(0, protocol=1)  # HELLO
while header := bus.read(6):
    _, kind, length = struct.unpack("<BBI", header)
    message = json.loads(bus.read(length))
    if kind == 2:  # REQUEST
        text = message["inputs"]["text"]
        if isinstance(text, str):
            send(3, id=message["id"], outputs={"words": len(text.split()), "lines": len(text.splitlines())})
        else:
            send(4, id=message["id"], **{"class": "refused"}, message="the text is too long to travel inline")
