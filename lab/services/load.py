"""The users: people with habits who shop, look things up, mistype, give up, and now and then want a big report."""

import json
import random
import sys
import threading
import time
from typing import Any

import accounts
from caller import Caller

NEXT: dict[str, dict[str, float]] = {
    "login": {"products": 5, "search": 3, "orders": 2, "account": 0.5},
    "products": {"product": 5, "search": 2, "add": 2, "products": 1.5},
    "product": {"add": 4, "products": 2.5, "search": 1, "product": 2},
    "search": {"product": 5, "search": 2, "products": 1.5, "add": 1},
    "add": {"cart": 4, "quote": 3, "product": 1.5, "products": 1},
    "cart": {"quote": 6, "product": 1.5, "add": 1, "end": 1.5},
    "quote": {"place": 6, "quote": 1.5, "cart": 1, "end": 1},
    "place": {"pay": 9, "order": 0.6, "cancel": 0.4},
    "pay": {"confirm": 3, "receipt": 5, "order": 1, "pay": 0.3},
    "confirm": {"receipt": 5, "order": 1, "end": 1},
    "cancel": {"products": 1, "end": 1},
    "receipt": {"end": 4, "orders": 2, "products": 1.5, "receipt": 0.3, "report": 0.4},
    "orders": {"order": 4, "receipt": 2, "products": 2, "report": 0.5},
    "order": {"receipt": 2, "orders": 1, "products": 1.5, "end": 1},
    "report": {"orders": 1, "report": 0.7, "end": 2},
    "account": {"change": 1, "products": 3, "orders": 1},
    "change": {"account": 1, "products": 2},
}
SEARCHES = (
    "kettle",
    "baker's bowl",
    "O'Hara mug",
    'oak shelf 12"',
    "wool blanket & pillow",
    "rule (steel)",
    "lamp; reading",
    "bread knife",
    "garden shears 20% off",
    "mug $5",
    "torque wrench 1/2",
    "shelf",
    "no. 10",
    "kettle -electric",
)
NOTES = (
    "please ring twice",
    "it's the blue door",
    "c/o O'Brien, 2nd floor",
    "leave at no. 7 | next door",
    "",
    "",
    'gift: "with love"',
    "after 5 pm; before 8 pm",
    "don't fold",
    "invoice to R&D",
    "`urgent`",
    "see order #1042",
    "50% paid by voucher",
)
ODD_SKUS = (
    "Baker's bowl no. 11",
    '12" shelf',
    "kt-105 ",
    "Tom & Sons",
    "wrench (large)",
    "BK_101",
    "lamp 40W/230V",
    "LT-104; LT-109",
    "price of KT-105?",
    "GD-102 x 2",
    "copper kettle",
)
CATEGORIES = ("kitchen", "bakery", "garden", "tools", "light", "")
ANALYSTS = ("dmitri", "ines", "olga", "vera", "nils")


class Person:
    """One user: the habits come from the name, the day's chances from the session's seed."""

    def __init__(self, name: str, address: str, web: list[str], seed: int) -> None:
        habit = random.Random("habit/" + name)
        self.name, self.address, self.web = name, address, web
        self.chance = random.Random(f"{seed}/{name}")
        self.think_s = habit.uniform(7, 18)
        self.rest_s = habit.uniform(15, 45)
        self.agent = accounts.agent_of(name)
        self.favourites = habit.sample(range(1, 400), 12)
        self.searches = habit.sample(SEARCHES, 5)
        self.notes = habit.sample(NOTES, 5)
        self.categories = habit.sample(CATEGORIES, 2)
        self.clumsy = habit.uniform(0.02, 0.12)
        self.asks_by_get = habit.random() < 0.5
        self.odd_skus = habit.sample(ODD_SKUS, 3)
        self.weights = {
            state: {to: weight * habit.gammavariate(2.5, 0.4) for to, weight in steps.items()}
            for state, steps in NEXT.items()
        }
        if name in ANALYSTS:
            for state in ("login", "orders", "receipt", "report"):
                self.weights[state]["report"] = self.weights[state].get("report", 1) * 4
        self.order = self.quote = 0
        self.caller = Caller(address, "http://" + web[0], self.agent)

    def live(self, until: float) -> None:
        """Sessions and pauses until the time is over."""
        time.sleep(self.chance.uniform(0, 20))
        while time.monotonic() < until:
            self.caller = Caller(self.address, "http://" + self.chance.choice(self.web), self.agent)
            if self.log_in():
                self.visit(until)
            self.caller.close()
            time.sleep(min(self.rest_s * self.chance.expovariate(1), 60, max(0.0, until - time.monotonic())))

    def log_in(self) -> bool:
        """The right password at the first, second or third try."""
        for _ in range(3):
            if self.chance.random() > self.clumsy:
                return self.caller.login(self.name)
            wrong = accounts.password_of(self.name)
            cut = self.chance.randrange(3, len(wrong))
            self.caller.login(self.name, wrong[:cut] + wrong[cut + 1 :])
            time.sleep(self.chance.uniform(2, 6))
        return False

    def visit(self, until: float) -> None:
        """One walk through the shop."""
        state = "login"
        for _ in range(30):
            steps = self.weights[state]
            state = self.chance.choices(list(steps), list(steps.values()))[0]
            time.sleep(self.think_s * self.chance.lognormvariate(-0.2, 0.6))
            if state == "end" or time.monotonic() > until:
                break
            status = getattr(self, "do_" + state)()
            if status in (0, 502, 503, 504) and self.chance.random() < 0.7:
                time.sleep(self.chance.uniform(1, 4))
                getattr(self, "do_" + state)()
        if self.chance.random() < 0.4:
            self.caller.call("POST", "/api/logout", body={})

    def get(self, path: str, **query: Any) -> int:
        """A read."""
        return self.caller.call("GET", path, query or None)[0]

    def post(self, path: str, key: str = "", **body: Any) -> tuple[int, int]:
        """A write: status and the new object's number, 0 if there is none."""
        status, content, _ = self.caller.call("POST", path, body=body)
        try:
            return status, int(json.loads(content).get(key, 0)) if key else 0
        except (ValueError, AttributeError):
            return status, 0

    def do_products(self) -> int:
        """Browse a favourite category."""
        return self.get(
            "/api/products", category=self.chance.choice(self.categories), page=self.chance.choice([0, 0, 0, 1, 2])
        )

    def do_product(self) -> int:
        """Look at a favourite, or at something new."""
        number = self.chance.choice(self.favourites) if self.chance.random() < 0.7 else self.chance.randrange(1, 405)
        return self.get(f"/api/products/{number}")

    def do_search(self) -> int:
        """Type a search."""
        words = self.chance.choice(self.searches)
        return self.get(
            "/api/search", q=words if self.chance.random() < 0.8 else words[: self.chance.randrange(2, len(words) + 1)]
        )

    def do_add(self) -> int:
        """Put something into the cart."""
        return self.post(
            "/api/cart", product=self.chance.choice(self.favourites), quantity=self.chance.choice([1, 1, 1, 2, 3])
        )[0]

    def do_cart(self) -> int:
        """See the cart."""
        return self.get("/api/cart")

    def do_quote(self) -> int:
        """Ask for a price, by sku or, as people do, by something else."""
        number = self.chance.choice(self.favourites) - 1
        sku = f"{('KT', 'BK', 'GD', 'TL', 'LT')[number % 5]}-{100 + number}"
        if self.chance.random() < 0.15:
            sku = self.chance.choice(self.odd_skus)
        if not self.asks_by_get:
            status, self.quote = self.post("/api/quote", "quote", sku=sku)
            return status
        status, content, _ = self.caller.call("GET", "/api/quote", {"sku": sku})
        self.quote = json.loads(content).get("quote", 0) if status == 201 else 0
        return status

    def do_place(self) -> int:
        """Order."""
        status, self.order = self.post(
            "/api/orders",
            "order",
            quote=self.quote,
            total=self.chance.randrange(8, 90),
            note=self.chance.choice(self.notes),
        )
        return status

    def _own_order(self, tail: str = "") -> str:
        return f"/api/orders/{self.order or 1000 + len(self.name)}{tail}"

    def do_pay(self) -> int:
        """Pay the order; again if the acquirer declines."""
        status = self.post(self._own_order("/pay"))[0]
        if status == 402:
            time.sleep(self.chance.uniform(2, 6))
            status = self.post(self._own_order("/pay"))[0]
        return status

    def do_confirm(self) -> int:
        """Confirm the paid order."""
        return self.post(self._own_order("/confirm"))[0]

    def do_cancel(self) -> int:
        """Think better of it."""
        return self.post(self._own_order("/cancel"))[0]

    def do_receipt(self) -> int:
        """Fetch the receipt."""
        return self.get(self._own_order("/receipt"))

    def do_orders(self) -> int:
        """List own orders; the latest becomes the one at hand."""
        status, content, _ = self.caller.call("GET", "/api/orders", {"limit": self.chance.choice([5, 10, 20])})
        if status == 200 and not self.order:
            items = json.loads(content)["items"]
            self.order = items[0]["id"] if items else 0
        return status

    def do_order(self) -> int:
        """Look at one's order."""
        return self.get(self._own_order())

    def do_report(self) -> int:
        """A report; analysts like long ones."""
        limits = [100, 200, 400, 800] if self.name in ANALYSTS else [20, 50]
        return self.get(
            "/api/reports/" + self.chance.choice(["sales", "sales", "stock"]), limit=self.chance.choice(limits)
        )

    def do_account(self) -> int:
        """Own record."""
        return self.get("/api/account")

    def do_change(self) -> int:
        """A new address."""
        return self.post(
            "/api/account", address=f"{self.chance.randrange(1, 99)} O'Connell St, flat {self.chance.randrange(1, 9)}"
        )[0]


def main() -> None:
    """Let every user of the file live for the session's length."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        lab = json.load(stream)
    until = time.monotonic() + float(lab["seconds"])
    people = [Person(user["name"], user["address"], lab["web"], lab["seed"]) for user in lab["users"]]
    threads = [threading.Thread(target=person.live, args=(until,), daemon=True) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()) + 5)


if __name__ == "__main__":
    main()
