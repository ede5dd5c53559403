"""The orders service: products, carts, quotes, orders, receipts, reports; PostgreSQL behind it, payments beside it.

Its hole, on purpose: a quote's sku goes into a shell command unescaped.
"""

import os
import subprocess
import threading
import time
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg2
import psycopg2.extras
import service

PAYMENTS = service.Upstreams(os.environ.get("PAYMENTS", "payments-1=127.0.0.1:8082"))
PRICES = os.environ.get("PRICES", "/srv/app/prices.csv")
RENDER = os.environ.get("RENDER", "/srv/app/bin/receipt.sh")
RECONNECT_S = 280.0


class Database:
    """One kept connection, renewed every few minutes, used by one call at a time."""

    def __init__(self, where: str) -> None:
        self.where, self.lock = where, threading.Lock()
        self.connection: Any = None
        self.until = 0.0

    def _connected(self) -> Any:
        if self.connection is not None and (self.connection.closed or time.monotonic() > self.until):
            self.connection.close()
            self.connection = None
        if self.connection is None:
            self.connection = psycopg2.connect(self.where, connect_timeout=5, application_name=service.HOST)
            self.connection.autocommit = True
            self.until = time.monotonic() + RECONNECT_S * (0.75 + (os.getpid() % 50) / 100)
        return self.connection

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """The rows of a statement as plain dictionaries; [] for one that returns none."""
        with self.lock:
            try:
                return self._run(statement, values)
            except psycopg2.OperationalError:
                self.connection = None
                return self._run(statement, values)

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[dict[str, Any]]:
        with self._connected().cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(statement, values)
            found = cursor.fetchall() if cursor.description else []
        return [{key: _plain(value) for key, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, datetime) else value


DATABASE = Database(os.environ.get("DB", "host=127.0.0.1 dbname=shop user=shop"))
Answer = tuple[int, Any]


def _number(text: str, default: int = 0) -> int:
    return int(text) if text.lstrip("-").isdigit() and len(text) < 10 else default


def _one(rows: list[dict[str, Any]]) -> Answer:
    return (200, rows[0]) if rows else (404, {"error": "not found"})


def products(request: service.Request) -> Answer:
    """A page of a category."""
    page = max(0, _number(request.value("page")))
    found = DATABASE.rows(
        "SELECT id, sku, name, category, price FROM products WHERE (%s = '' OR category = %s) ORDER BY id "
        "LIMIT 20 OFFSET %s",
        request.value("category"),
        request.value("category"),
        page * 20,
    )
    return 200, {"page": page, "items": found}


def product(request: service.Request) -> Answer:
    """One product with its description."""
    return _one(DATABASE.rows("SELECT * FROM products WHERE id = %s", _number(request.groups[0])))


def search(request: service.Request) -> Answer:
    """Products whose name holds the words."""
    words = "%" + request.value("q")[:80] + "%"
    return 200, {
        "items": DATABASE.rows("SELECT id, sku, name, price FROM products WHERE name ILIKE %s LIMIT 30", words)
    }


def cart(request: service.Request) -> Answer:
    """The caller's open cart."""
    return 200, {
        "items": DATABASE.rows(
            "SELECT product, quantity FROM carts WHERE owner = %s ORDER BY id DESC LIMIT 20", request.user
        )
    }


def add_to_cart(request: service.Request) -> Answer:
    """Put a product into the cart."""
    found = DATABASE.rows(
        "INSERT INTO carts (owner, product, quantity) VALUES (%s, %s, %s) RETURNING id",
        request.user,
        _number(request.value("product")),
        max(1, _number(request.value("quantity"), 1)),
    )
    return 201, found[0]


def quote(request: service.Request) -> Answer:
    """The day's price of a sku, from the price list, by the shell: here is the injection."""
    sku = request.value("sku")
    command = f'grep -m1 -F -- "{sku}" {PRICES} | cut -d, -f2'
    try:
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
        price = done.stdout.strip() or "0"
    except subprocess.TimeoutExpired:
        return 504, {"error": "price list"}
    found = DATABASE.rows(
        "INSERT INTO quotes (owner, sku, price) VALUES (%s, %s, %s) RETURNING id", request.user, sku[:200], price[:60]
    )
    return 201, {"quote": found[0]["id"], "price": price[:4000]}


def quoted(request: service.Request) -> Answer:
    """A quote given before."""
    return _one(DATABASE.rows("SELECT * FROM quotes WHERE id = %s", _number(request.groups[0])))


def place(request: service.Request) -> Answer:
    """An order out of a quote, or without one."""
    found = DATABASE.rows(
        "INSERT INTO orders (owner, quote, total, note, state) VALUES (%s, %s, %s, %s, 'open') RETURNING id",
        request.user,
        _number(request.value("quote")),
        _number(request.value("total"), 10),
        request.value("note")[:500],
    )
    return 201, {"order": found[0]["id"]}


def listed(request: service.Request) -> Answer:
    """The caller's orders, latest first."""
    limit = min(500, _number(request.value("limit"), 20))
    return 200, {
        "items": DATABASE.rows(
            "SELECT id, total, state FROM orders WHERE owner = %s ORDER BY id DESC LIMIT %s", request.user, limit
        )
    }


def order(request: service.Request) -> Answer:
    """One order, whoever asks."""
    return _one(DATABASE.rows("SELECT * FROM orders WHERE id = %s", _number(request.groups[0])))


def pay(request: service.Request) -> Answer:
    """Charge an order through payments."""
    request.upstream = PAYMENTS.pick(request.headers.get("X-Pin-Payments"))
    body = f'{{"order": {_number(request.groups[0])}, "method": "card"}}'.encode()
    status, answer = PAYMENTS.call(request.upstream, "POST", "/charge", body, service.forward_headers(request))
    if status == 200:
        DATABASE.rows("UPDATE orders SET state = 'paid' WHERE id = %s", _number(request.groups[0]))
    return status, answer


def change_state(request: service.Request) -> Answer:
    """Confirm or cancel; nobody asks whether it was paid."""
    state = "confirmed" if request.path.endswith("confirm") else "cancelled"
    return _one(
        DATABASE.rows(
            "UPDATE orders SET state = %s WHERE id = %s RETURNING id, state", state, _number(request.groups[0])
        )
    )


def receipt(request: service.Request) -> Answer:
    """The receipt, rendered by a small script."""
    number = str(_number(request.groups[0]))
    done = subprocess.run([RENDER, number, request.user], capture_output=True, timeout=20, check=False)
    return (200 if done.returncode == 0 else 500), done.stdout


def account(request: service.Request) -> Answer:
    """Read or change the caller's own record."""
    if request.method == "POST":
        DATABASE.rows(
            "UPDATE customers SET address = %s WHERE login = %s", request.value("address")[:300], request.user
        )
    return _one(DATABASE.rows("SELECT id, login, name, address FROM customers WHERE login = %s", request.user))


def customer(request: service.Request) -> Answer:
    """One customer, whoever asks."""
    return _one(
        DATABASE.rows("SELECT id, login, name, address, card FROM customers WHERE id = %s", _number(request.groups[0]))
    )


REPORTS = {
    "sales": "SELECT id, owner, total, state, made FROM orders ORDER BY id DESC LIMIT %s",
    "stock": "SELECT id, sku, name, category, price FROM products ORDER BY id LIMIT %s",
    "quotes": "SELECT id, owner, sku, price FROM quotes ORDER BY id DESC LIMIT %s",
    "customers": "SELECT id, login, name, address, card FROM customers ORDER BY id LIMIT %s",
}


def report(request: service.Request) -> Answer:
    """A table as long as the caller asks for."""
    statement = REPORTS.get(request.groups[0])
    if statement is None:
        return 404, {"error": "no such report"}
    return 200, {"rows": DATABASE.rows(statement, min(5000, _number(request.value("limit"), 50)))}


TABLE = (
    ("GET /api/products", products),
    ("GET /api/products/{id}", product),
    ("GET /api/search", search),
    ("GET /api/cart", cart),
    ("POST /api/cart", add_to_cart),
    ("GET /api/quote", quote),
    ("POST /api/quote", quote),
    ("GET /api/quotes/{id}", quoted),
    ("POST /api/orders", place),
    ("GET /api/orders", listed),
    ("GET /api/orders/{id}", order),
    ("POST /api/orders/{id}/pay", pay),
    ("POST /api/orders/{id}/confirm", change_state),
    ("POST /api/orders/{id}/cancel", change_state),
    ("GET /api/orders/{id}/receipt", receipt),
    ("GET /api/account", account),
    ("POST /api/account", account),
    ("GET /api/customers/{id}", customer),
    ("GET /api/reports/{name}", report),
    ("GET /api/export/{name}", report),
)


def main() -> None:
    """Serve the shop's inner face."""
    routes = service.Routes()
    for route, handler in TABLE:
        routes.add(*route.split(" "), handler)
    service.serve(routes)


if __name__ == "__main__":
    main()
