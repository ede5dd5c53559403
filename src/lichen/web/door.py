"""The door: who may speak to the console at all. Host, Origin, the token of this start, and what answers may do."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT_BYTES = 64 * 1024
FORM = "application/x-www-form-urlencoded"
OPEN_PATHS = ("/healthz", "/readyz")  # for monitors, which have no token; they tell no event
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
CLOSED = (
    "This console is open only to the person who started it.\n"
    "Open the address that `lichen run` printed: it carries the token of this start.\n"
)


class Keys:
    """What is derived from the token of this start: the cookie that stands for it, and the word that forms carry."""

    def __init__(self, token: str, port: int) -> None:
        if len(token) < 16:
            raise ValueError("a token of at least 16 characters is needed")
        self._token = token
        self.cookie_name = f"lichen_{port}"  # cookies know no ports: two consoles must not share one
        self.cookie = self._derived("cookie")
        self.csrf = self._derived("csrf")

    def _derived(self, purpose: str) -> str:
        return hmac.new(self._token.encode(), purpose.encode(), hashlib.sha256).hexdigest()

    def is_token(self, given: str) -> bool:
        return hmac.compare_digest(self._token.encode(), given.encode("utf-8", "replace"))

    def admits(self, cookies: str) -> bool:
        """Whether a Cookie header carries this start's cookie."""
        try:
            found = SimpleCookie(cookies).get(self.cookie_name)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(self.cookie.encode(), found.value.encode("utf-8", "replace"))

    def is_csrf(self, given: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), given.encode("utf-8", "replace"))


class Door:
    """ASGI middleware around every page. A refusal says why in plain text and reaches no page."""

    def __init__(self, app: ASGIApp, keys: Keys, port: int) -> None:
        self.app, self.keys = app, keys
        names = ("127.0.0.1", "localhost")
        self.hosts = {f"{name}:{port}" for name in names} | (set(names) if port == 80 else set())
        self.origins = {f"http://{host}" for host in self.hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
        elif scope["method"] in UNSAFE:
            await self._checked_form(scope, receive, _with_headers(send))
        else:
            await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to a request that may not come in; None for one that may."""
        headers = Headers(scope=scope)
        path, unsafe = scope["path"], scope["method"] in UNSAFE
        if headers.getlist("host") == [] or any(host not in self.hosts for host in headers.getlist("host")):
            return PlainTextResponse("The console answers to 127.0.0.1 and localhost alone.\n", 421)
        origin = headers.get("origin")
        if (origin is not None or unsafe) and origin not in self.origins:
            return PlainTextResponse("A page of another origin may not speak to the console.\n", 403)
        if unsafe and headers.get("sec-fetch-site", "same-origin") != "same-origin":
            return PlainTextResponse("A page of another site may not speak to the console.\n", 403)
        if path in OPEN_PATHS or path.startswith("/static/"):
            return None
        if self.keys.admits("; ".join(headers.getlist("cookie"))):
            return self._without_token(scope)
        return self._admitted(scope) or PlainTextResponse(CLOSED, 401)

    def _admitted(self, scope: Scope) -> Response | None:
        """The cookie in exchange for the token in the address, and on to the same page without it."""
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if scope["method"] != "GET" or not self.keys.is_token(query.get("token", "")):
            return None
        answer = _onwards(scope)
        answer.set_cookie(self.keys.cookie_name, self.keys.cookie, httponly=True, samesite="strict", path="/")
        return answer

    def _without_token(self, scope: Scope) -> Response | None:
        """A token never stays in the address bar, not even when it is no longer needed."""
        carries = scope["method"] == "GET" and "token" in dict(parse_qsl(scope["query_string"].decode("latin-1")))
        return _onwards(scope) if carries else None

    async def _checked_form(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hands on a POST whose form is small and carries the word of this start."""
        headers = Headers(scope=scope)
        if headers.get("content-type", "").split(";")[0].strip() != FORM:
            return await PlainTextResponse("A form was expected.\n", 415)(scope, receive, send)
        body = await _body(receive)
        if body is None:
            return await PlainTextResponse(f"At most {BODY_LIMIT_BYTES} bytes.\n", 413)(scope, receive, send)
        try:
            fields = dict(parse_qsl(body.decode("latin-1"), max_num_fields=200))
        except ValueError:
            return await PlainTextResponse("At most 200 fields.\n", 413)(scope, receive, send)
        if not self.keys.is_csrf(fields.get("csrf", "")):
            return await PlainTextResponse("The form is not of this start: load the page again.\n", 403)(
                scope, receive, send
            )
        return await self.app(scope, _replayed(body), send)


def _onwards(scope: Scope) -> Response:
    kept = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != "token"]
    path = "/" + scope["path"].lstrip("/\\")  # never `//elsewhere`
    return RedirectResponse(path + ("?" + urlencode(kept) if kept else ""), 303)


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None where it is longer than allowed."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_LIMIT_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _replayed(body: bytes) -> Receive:
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def _with_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    """What every answer says of itself, refusals included."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending
