"""Log in over ssh as a scenario says: ssh_client.py '{"from": …, "host": …, "user": …, "tries": […], "commands": […]}'.

Passwords are tried in order until one works; then the commands are run in that session, one by one.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import accounts

OPTIONS = (
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
    "-o",
    "ConnectTimeout=8",
    "-o",
    "NumberOfPasswordPrompts=1",
    "-F",
    "none",
)


def asker(folder: str) -> str:
    """A program that ssh asks for the password; it reads the environment."""
    path = os.path.join(folder, "ask")
    with open(path, "w", encoding="ascii") as stream:
        stream.write('#!/bin/sh\nprintf "%s\\n" "$LAB_PASSWORD"\n')
    os.chmod(path, 0o700)
    return path


def once(order: dict[str, Any], folder: str, password: str | None, script: str) -> subprocess.CompletedProcess[str]:
    """One connection: by key if `password` is None."""
    words = ["ssh", *OPTIONS, "-b", order["from"]]
    surroundings = {"PATH": "/usr/bin:/bin", "HOME": folder}
    if password is None:
        words += ["-i", order["key_file"], "-o", "PreferredAuthentications=publickey", "-o", "IdentitiesOnly=yes"]
    else:
        words += ["-o", "PreferredAuthentications=password", "-o", "PubkeyAuthentication=no"]
        surroundings |= {
            "SSH_ASKPASS": asker(folder),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": ":0",
            "LAB_PASSWORD": password,
        }
    if order.get("pty"):
        words.append("-tt")
    words += [f"{order['user']}@{order['host']}", script]
    return subprocess.run(
        words,
        env=surroundings,
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        timeout=float(order.get("for", 30)),
        check=False,
    )


def play(order: dict[str, Any]) -> None:
    """Guess, get in, work; says what came of each try."""
    tries = [None] if order.get("key") else order.get("tries", ["{password}"])
    script = "\n".join(order.get("commands", ["true"]))
    users = order["users"] if "users" in order else [order["user"]]
    with tempfile.TemporaryDirectory() as folder:
        for user in users:
            for guess in tries:
                password = guess.replace("{password}", accounts.password_of(user)) if guess is not None else None
                done = once({**order, "user": user}, folder, password, script)
                print(
                    json.dumps(
                        {"user": user, "rc": done.returncode, "out": done.stdout[:600], "err": done.stderr[:300]}
                    ),
                    flush=True,
                )
                if done.returncode != 255:
                    return
                time.sleep(float(order.get("pace", 0.5)))


if __name__ == "__main__":
    play(json.loads(sys.argv[1]))
