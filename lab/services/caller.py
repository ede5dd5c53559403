"""Make the calls that a scenario asks for, from one source address: caller.py '{"from": …, "base": …, "calls": […]}'.

Prints {"request_id": …, "status": …} a call, so that exactly these calls can be told apart from the user's own.
"""

import http.client
import itertools
import json
import random
import sys
import time
import uuid
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import accounts


class Caller:
    """A client with a fixed source address, one kept connection and perhaps a token."""

    def __init__(self, source: str, base: str, agent: str, pin: dict[str, str] | None = None) -> None:
        parts = urlsplit(base)
        self.source, self.host, self.port = source, parts.hostname or "", parts.port or 80
        self.headers = {"User-Agent": agent} if agent else {}
        for role, replica in (pin or {}).items():
            self.headers[f"X-Pin-{role.capitalize()}"] = replica
        self.connection: http.client.HTTPConnection | None = None
        self.login_id = ""

    def close(self) -> None:
        """Let the connection go."""
        if self.connection:
            self.connection.close()
            self.connection = None

    def call(
        self,
        method: str,
        path: str,
        query: Any = None,
        body: Any = None,
        timeout_s: float = 20.0,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, bytes, str]:
        """Status (0: no answer), content and request id of one call."""
        request_id = uuid.uuid4().hex
        sent = {**self.headers, "X-Request-Id": request_id, **(headers or {})}
        target = path + ("?" + (query if isinstance(query, str) else urlencode(query)) if query else "")
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode() if body is not None else None
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        for fresh in (False, True):
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    self.host, self.port, timeout=timeout_s, source_address=(self.source, 0)
                )
                fresh = True
            try:
                self.connection.request(method, quote(target, safe="/?&=%+:;,@!$'()*~#[]|^`{}<>\"\\"), data, sent)
                answer = self.connection.getresponse()
                return answer.status, answer.read(), request_id
            except (OSError, ValueError, http.client.HTTPException):
                self.close()
                if fresh:
                    break
        return 0, b"", request_id

    def login(self, user: str, password: str | None = None) -> bool:
        """Fetch a token and keep it."""
        wanted = {"user": user, "password": password or accounts.password_of(user)}
        status, content, self.login_id = self.call("POST", "/api/login", body=wanted)
        if status == 200:
            self.headers["Authorization"] = "Bearer " + json.loads(content)["token"]
        return status == 200


def filled(value: Any, words: dict[str, Any]) -> Any:
    """A call's text with {name} replaced, through lists and mappings."""
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace("{" + name + "}", str(word))
        return value
    if isinstance(value, dict):
        return {key: filled(inner, words) for key, inner in value.items()}
    return value


def rounds(each: dict[str, Any]) -> list[dict[str, Any]]:
    """The words for each repetition: a list as it is, or [first, last, step] of numbers under `n…`."""
    columns = []
    for name, values in each.items():
        numbers = name.startswith("n") and len(values) == 3 and all(isinstance(value, int) for value in values)
        columns.append([(name, value) for value in (range(*values) if numbers else values)])
    return [dict(row) for row in itertools.product(*columns)] if columns else [{}]


def play(order: dict[str, Any]) -> None:
    """Make all calls of an order, saying each one's request id."""
    own = accounts.agent_of(order["user"]) if order.get("user") else "curl/7.88.1"
    caller = Caller(order["from"], order["base"], order.get("agent", own), order.get("pin"))
    chance = random.Random(json.dumps(order, sort_keys=True))
    until = time.monotonic() + float(order.get("for", 60))
    saved: dict[str, Any] = {}
    if order.get("user") and not order.get("no_login"):
        done = caller.login(order["user"], order.get("password"))
        print(json.dumps({"request_id": caller.login_id, "status": 200 if done else 401}), flush=True)
    for call in order["calls"]:
        for words in rounds(call.get("each", {})):
            words = {**saved, **words}
            status, content, request_id = caller.call(
                filled(call.get("method", "GET"), words),
                filled(call["path"], words),
                filled(call.get("query"), words),
                filled(call.get("body"), words),
                float(call.get("timeout", 20)),
                call.get("headers"),
            )
            print(json.dumps({"request_id": request_id, "status": status, "bytes": len(content)}), flush=True)
            if "save" in call and status in (200, 201):
                saved.update({name: json.loads(content).get(key) for name, key in call["save"].items()})
            if time.monotonic() > until:
                return
            time.sleep(float(call.get("pace", 0.3)) * chance.uniform(0.6, 1.5))


if __name__ == "__main__":
    play(json.loads(sys.argv[1]))
