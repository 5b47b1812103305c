"""A small MCP server for tests: speaks the old era, the new one or both, and misbehaves when asked to."""

import json
import os
import sys
import threading
import time
from typing import Any

ERA = sys.argv[1]  # legacy, modern, deaf (answers nothing unknown), mute (answers nothing at all)
OFFERED = "2024-11-05"
MODERN = "2026-07-28"
VERSION = os.environ.get("SERVER_VERSION", "1.2.3")
TEXT = {"type": "string"}
CALLS = [0]
CANCELLED: dict[Any, threading.Event] = {}
WRITING = threading.Lock()


def tool(name: str, properties: dict[str, Any], required: list[str], **more: Any) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object", "properties": properties, "required": required}, **more}


SKY = {"type": "object", "properties": {"celsius": {"type": "number"}, "sky": TEXT}, "required": ["celsius"]}
TOOLS = [
    tool("echo", {"someText": TEXT, "times": {"type": "integer"}, "mood": {"enum": ["calm", "loud"]}}, ["someText"]),
    tool("slow", {"seconds": {"type": "number"}}, ["seconds"]),
    tool("crash", {}, []),
    tool("fail", {"why": TEXT}, ["why"]),
    tool("weather", {"city": TEXT}, ["city"], outputSchema=SKY),
    tool("picture", {}, []),
    tool("secret", {}, []),
    tool("count/All", {}, []),
    tool("ask", {}, []),
]
if "SERVER_CHANGED" in os.environ:
    TOOLS[0]["inputSchema"]["properties"]["times"] = {"type": "number"}


def say(message: dict[str, Any]) -> None:
    with WRITING:
        print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def call(number: Any, params: dict[str, Any]) -> dict[str, Any]:
    name, given = params["name"], params.get("arguments", {})
    CALLS[0] += 1
    if name == "echo":
        text = " ".join([given["someText"]] * given.get("times", 1))
        return {"content": [{"type": "text", "text": text.upper() if given.get("mood") == "loud" else text}]}
    if name == "slow":
        stop, steps = CANCELLED.setdefault(number, threading.Event()), int(given["seconds"] * 20)
        token = params["_meta"]["progressToken"]
        for step in range(steps):
            progress = {"progressToken": token, "progress": step, "total": steps, "message": f"step {step}"}
            say({"method": "notifications/progress", "params": progress})
            if stop.wait(0.05):
                with open("cancelled.txt", "w") as file:
                    file.write("cancelled")
                return {"content": []}
        return {"content": [{"type": "text", "text": "slept"}]}
    if name == "crash":
        print("the score is on fire", file=sys.stderr, flush=True)
        os._exit(3)
    if name == "fail":
        return {"isError": True, "content": [{"type": "text", "text": given["why"]}]}
    if name == "weather":
        fair = {"celsius": 21.5, "sky": "clear"}
        return {"structuredContent": fair if given["city"] == "Bonn" else {"sky": "none"}, "content": []}
    if name == "picture":
        return {"content": [{"type": "image", "mimeType": "image/png", "data": "iVBORw=="}]}
    if name == "secret":
        print(f"my token is {os.environ['TOKEN']}", file=sys.stderr, flush=True)
        time.sleep(0.2)
        return {"content": [{"type": "text", "text": str(len(os.environ["TOKEN"]))}]}
    if name == "ask":
        form = {"message": "Who?", "requestedSchema": {"type": "object", "properties": {}}}
        asked = {"method": "elicitation/create", "params": form}
        return {"resultType": "input_required", "inputRequests": {"who": asked}}
    return {"content": [{"type": "text", "text": f"{os.getpid()} {CALLS[0]}"}]}


def answer(message: dict[str, Any]) -> None:
    method, number, params = message["method"], message["id"], message.get("params", {})
    about = {"name": "scripted", "version": VERSION}
    modern = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete"} if ERA == "modern" else {}
    if ERA == "modern" and params.get("_meta", {}).get("io.modelcontextprotocol/protocolVersion") != MODERN:
        say({"id": number, "error": {"code": -32600, "message": "no protocol version in _meta"}})
    elif ERA == "modern" and method == "server/discover":
        meta = {"io.modelcontextprotocol/serverInfo": about}
        say({"id": number, "result": {"supportedVersions": [MODERN], "capabilities": {}, "_meta": meta, **modern}})
    elif ERA != "modern" and method == "initialize":
        result = {"protocolVersion": OFFERED, "capabilities": {"tools": {}}, "serverInfo": about}
        say({"id": number, "result": result})
    elif method == "tools/list":
        half = len(TOOLS) // 2
        page = {"tools": TOOLS[half:]} if params.get("cursor") else {"tools": TOOLS[:half], "nextCursor": "rest"}
        say({"id": number, "result": {**page, **modern}})
    elif method == "tools/call":
        say({"id": number, "result": {**({"resultType": "complete"} if modern else {}), **call(number, params)}})
    elif ERA == "deaf":
        sys.exit(4)  # some servers end when they are asked something unknown before the handshake
    else:
        say({"id": number, "error": {"code": -32601, "message": f"no method {method}"}})


for line in sys.stdin:
    heard = json.loads(line)
    if ERA == "mute":
        continue
    if heard.get("method") == "notifications/cancelled":
        CANCELLED.setdefault(heard["params"]["requestId"], threading.Event()).set()
    elif "id" in heard and heard.get("method") == "tools/call":
        threading.Thread(target=answer, args=(heard,), daemon=True).start()
    elif "id" in heard:
        answer(heard)
