"""The gateway: checks who calls, then passes the call on to one of the orders replicas.

Its hole, on purpose: an object's id in a path is passed on without asking whose object it is.
"""

import json
import os
import subprocess
import threading
import time
from typing import Any
from urllib.parse import urlencode

import accounts
import service

ORDERS = service.Upstreams(os.environ.get("ORDERS", "orders-1=127.0.0.1:8081"))
SCRIPTS = os.environ.get("SCRIPTS", "/srv/app/cgi-bin")
SETTINGS = os.environ.get("SETTINGS", "/srv/app/settings.json")
REFRESH_S = float(os.environ.get("REFRESH_S", "85"))


def login(request: service.Request) -> tuple[int, Any]:
    """Name and password for a token."""
    name = request.value("user")
    request.user = name or "-"
    if name not in accounts.USERS + accounts.SERVICE_ACCOUNTS:
        return 401, {"error": "unknown user or wrong password"}
    if request.value("password") != accounts.password_of(name):
        return 401, {"error": "unknown user or wrong password"}
    return 200, {"token": accounts.token_for(name), "user": name}


def logout(request: service.Request) -> tuple[int, Any]:
    """Tokens are not stored: a logout is only a line in the log."""
    request.user = accounts.user_of(_token(request)) or "-"
    return 200, {"bye": request.user}


def _token(request: service.Request) -> str:
    return str(request.headers.get("Authorization", "")).removeprefix("Bearer ")


def passed_on(request: service.Request) -> tuple[int, Any]:
    """Any call that needs a user: forwarded with the user's name."""
    user = accounts.user_of(_token(request))
    if user is None:
        return 401, {"error": "log in first"}
    request.user = user
    request.upstream = ORDERS.pick(request.headers.get("X-Pin-Orders"))
    path = request.path + ("?" + urlencode(request.query) if request.query else "")
    body = json.dumps(request.body).encode() if request.body else b""
    return ORDERS.call(request.upstream, request.method, path, body, service.forward_headers(request))


def script(request: service.Request) -> tuple[int, Any]:
    """Run one of the operators' small scripts (status pages); its words come from the query."""
    name = os.path.basename(request.groups[0])
    path = os.path.join(SCRIPTS, name)
    if not os.access(path, os.X_OK):
        return 404, {"error": "no such script"}
    words = dict(os.environ, QUERY_STRING=urlencode(request.query), REQUEST_METHOD=request.method)
    words.update({f"Q_{key.upper()}": value for key, value in request.query.items() if key.isalnum()})
    done = subprocess.run([path], env=words, capture_output=True, timeout=20, check=False)
    return 200 if done.returncode == 0 else 500, done.stdout[:65536]


def refresh_forever() -> None:
    """Every minute or so a child process tells whether the settings changed, as many containers do."""
    time.sleep(REFRESH_S * (os.getpid() % 17) / 17)
    while True:
        subprocess.run(["/bin/sh", "-c", f"sha256sum {SETTINGS} | cut -c1-16"], capture_output=True, check=False)
        time.sleep(REFRESH_S)


PASSED_ON = (
    "GET /api/products",
    "GET /api/products/{id}",
    "GET /api/search",
    "GET /api/cart",
    "POST /api/cart",
    "GET /api/quote",
    "POST /api/quote",
    "GET /api/quotes/{id}",
    "POST /api/orders",
    "GET /api/orders",
    "GET /api/orders/{id}",
    "POST /api/orders/{id}/pay",
    "POST /api/orders/{id}/confirm",
    "POST /api/orders/{id}/cancel",
    "GET /api/orders/{id}/receipt",
    "GET /api/account",
    "POST /api/account",
    "GET /api/customers/{id}",
    "GET /api/reports/{name}",
    "GET /api/export/{name}",
)


def main() -> None:
    """Serve the public face of the shop."""
    routes = service.Routes()
    routes.add("POST", "/api/login", login)
    routes.add("POST", "/api/logout", logout)
    for route in PASSED_ON:
        routes.add(*route.split(" "), passed_on)
    routes.add("GET", "/cgi-bin/{name}", script)
    routes.add("POST", "/cgi-bin/{name}", script)
    routes.add("GET", "/", lambda request: (200, b"<h1>The lab's shop</h1>"))
    threading.Thread(target=refresh_forever, daemon=True).start()
    service.serve(routes)


if __name__ == "__main__":
    main()
