"""Who may log in: the application's accounts, their passwords and their tokens."""

import hashlib
import hmac
import zlib

SECRET = b"lab-only: everybody in the lab may know this"
USERS = [
    "alice",
    "bruno",
    "carla",
    "dmitri",
    "elena",
    "farid",
    "greta",
    "hugo",
    "ines",
    "jonas",
    "katya",
    "liam",
    "mona",
    "nils",
    "olga",
    "pedro",
    "quinn",
    "rosa-m",
    "samir",
    "tilda",
    "umar",
    "vera",
    "wendy",
    "yusuf",
]
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1",
    "shop-app/3.2 (Android 15)",
    "python-requests/2.32.3",
)
SERVICE_ACCOUNTS = ["monitor", "batch"]


def password_of(name: str) -> str:
    """The password of a person or service account, the same in every session."""
    return "Pw-" + hashlib.sha256(SECRET + name.encode()).hexdigest()[:10]


def agent_of(name: str) -> str:
    """The browser or program that a person always uses."""
    return AGENTS[zlib.crc32(name.encode()) % len(AGENTS)]


def token_for(name: str) -> str:
    """What a login hands out: the name and its seal."""
    return name + "." + hmac.new(SECRET, name.encode(), "sha256").hexdigest()[:24]


def user_of(token: str) -> str | None:
    """The name inside a token, or None if the seal is broken or the account unknown."""
    name, _, _seal = token.rpartition(".")
    known = name in USERS or name in SERVICE_ACCOUNTS
    return name if known and hmac.compare_digest(token_for(name), token) else None
