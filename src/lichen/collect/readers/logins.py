"""What sshd, sudo, su, cron and PAM say of who came in: one line to who, from where, and whether it worked.

LOGON is given once an attempt: sshd's Accepted and Failed lines, of others the session that PAM opens or the
authentication that it refuses. Everything else about the same attempt is activity 99.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lichen.collect.readers.making import OTHER_ACTIVITY
from lichen.core import ocsf

_PROGRAMS = """
sshd sudo su cron crond crontab anacron login systemd-logind pkexec polkitd useradd userdel usermod groupadd groupdel
groupmod passwd chage chpasswd gpasswd newgrp doas
"""
AUTH_PROGRAMS = frozenset(_PROGRAMS.split())


@dataclass(frozen=True, slots=True)
class Login:
    """`what`: a short name of the line. `user` who came in or tried to, `by` whose session asked, `nobody` if the
    system knows no such user (a guess names no subject)."""

    what: str
    activity: int = OTHER_ACTIVITY
    status: int | None = None
    user: str | None = None
    by: str | None = None
    address: str | None = None
    port: str | None = None
    command: str | None = None
    nobody: bool = False
    fields: Mapping[str, str] = field(default_factory=dict)


_SSH_RESULT = re.compile(
    r"(Accepted|Failed) (\S+) for (invalid user )?(.*?) from (\S+) port (\d{1,5})(?: ssh\d?)?(?:: .*)?"
)
_SSH_INVALID = re.compile(r"Invalid user (.*?) from (\S+)(?: port (\d{1,5}))?")
_SSH_ENDED = re.compile(r"Disconnected from (?:(invalid|authenticating) )?(?:user (.*?) )?(\S+) port (\d{1,5}).*")
_SSH_FROM = re.compile(
    r".*?(?:from|by|with) (?:(?:invalid|authenticating) user \S* ?)?([\da-fA-F.:]+) port (\d{1,5}).*"
)
_PAM_SESSION = re.compile(
    r"pam_unix\(([^:)]+):session\): session (opened|closed) for user ([^\s(]+)(?:\(uid=\d+\))?(?: by ([^\s(]*).*)?"
)
_PAM_REFUSED = re.compile(
    r"pam_unix\(([^:)]+):auth\): authentication failure;.*?ruser=(\S*) rhost=(\S*)(?:\s+user=(\S+))?"
)
_SUDO = re.compile(
    r"\s*(\S+) : (?:(?!(?:TTY|PWD|USER|GROUP|COMMAND)=)(.*?) ; )?((?:TTY|PWD|USER|GROUP|COMMAND)=.*)", re.DOTALL
)
_SUDO_FIELD = re.compile(
    r"(TTY|PWD|USER|GROUP|TSID|ENV|COMMAND)=(.*?)(?= ; (?:TTY|PWD|USER|GROUP|TSID|ENV|COMMAND)=|$)", re.S
)
_SU = re.compile(r"(FAILED SU )?\(to (\S+)\) (\S+) on (\S+)")
_CRON = re.compile(r"\(([^)]+)\) (CMD|INFO|RELOAD|REPLACE|LIST|BEGIN EDIT|END EDIT|DELETE|ORPHAN) \((.*)\)", re.DOTALL)
_SSH_TOO_MANY = re.compile(
    r"error: maximum authentication attempts exceeded for (invalid user )?(.{0,255}?) from (\S+) port (\d{1,5}).*"
)
_CONSOLE_FAILED = re.compile(r"FAILED LOGIN (?:SESSION )?(?:\(\d+\) )?(?:on|FROM) '?([^\s']+)'? FOR '?([^\s',]+)'?.*")
_CONSOLE_ROOT = re.compile(r"ROOT LOGIN ON (\S+)(?: FROM (\S+))?")
_SEAT = re.compile(r"New session (\S+) of user (\S+?)\.?$")
_NEW_USER = re.compile(r"new (user|group): name=([^,\s]+)(?:, .*)?")
_CHANGED = re.compile(
    r"(?:password changed for|changed password expiry for|delete user|removed group|add|change user)"
    r" '?([^\s',]+)'?(?: (?:to (?:shadow )?group|shell from|password|home from|expiration from|UID from).*)?"
)


def read_login(service: str, text: str) -> Login:
    """One message of a program in AUTH_PROGRAMS. Never raises; what it does not know is named after the program."""
    for program, read in (
        ("sshd", _ssh),
        ("sudo", _sudo),
        ("su", _su),
        ("cron", _cron),
        ("crond", _cron),
        ("crontab", _cron),
    ):
        if service == program and (login := read(text)) is not None:
            return login
    return _pam(service, text) or _account(service, text) or Login(service)


def _ssh(text: str) -> Login | None:
    if result := _SSH_RESULT.fullmatch(text):
        worked, method, invalid, user, address, port = result.groups()
        status = ocsf.SUCCESS if worked == "Accepted" else ocsf.FAILURE
        what = f"ssh {worked.lower()} {method}"
        return Login(what, ocsf.LOGON, status, user, address=address, port=port, nobody=bool(invalid))
    if invalid_user := _SSH_INVALID.fullmatch(text):
        user, address, found_port = invalid_user.groups()
        return Login("ssh invalid user", status=ocsf.FAILURE, user=user, address=address, port=found_port, nobody=True)
    if ended := _SSH_ENDED.fullmatch(text):
        invalid, user, address, port = ended.groups()
        activity = OTHER_ACTIVITY if invalid else ocsf.LOGOFF
        return Login("ssh disconnected", activity, None, user, address=address, port=port, nobody=bool(invalid))
    if text.startswith("pam_unix("):
        return None
    if many := _SSH_TOO_MANY.fullmatch(text):
        invalid, user, address, port = many.groups()
        what = "ssh too many attempts"
        return Login(what, status=ocsf.FAILURE, user=user, address=address, port=port, nobody=bool(invalid))
    if peer := _SSH_FROM.fullmatch(text):
        return Login("ssh connection", address=peer[1], port=peer[2])
    return None


def _sudo(text: str) -> Login | None:
    match = _SUDO.fullmatch(text)
    if match is None:
        return None
    user, complaint, rest = match.groups()
    fields = dict(_SUDO_FIELD.findall(rest))
    status = ocsf.FAILURE if complaint else ocsf.SUCCESS
    nobody = complaint == "user NOT in sudoers" and not user
    what = "sudo refused" if complaint else "sudo command"
    return Login(what, OTHER_ACTIVITY, status, user, user, command=fields.get("COMMAND"), nobody=nobody, fields=fields)


def _su(text: str) -> Login | None:
    match = _SU.fullmatch(text)
    if match is None:
        return None
    failed, user, by, _ = match.groups()
    if failed:
        return Login("su failed", ocsf.LOGON, ocsf.FAILURE, user, by)
    return Login("su", OTHER_ACTIVITY, ocsf.SUCCESS, user, by)


def _cron(text: str) -> Login | None:
    match = _CRON.fullmatch(text)
    if match is None:
        return None
    user, what, inside = match.groups()
    known = user if user != "CRON" else None
    return Login(f"cron {what.lower()}", user=known, command=inside if what == "CMD" else None)


def _pam(service: str, text: str) -> Login | None:
    if session := _PAM_SESSION.match(text):
        _, change, user, by = session.groups()
        opened = change == "opened"
        counted = service != "sshd"  # sshd's own lines say it
        activity = (ocsf.LOGON if opened else ocsf.LOGOFF) if counted else OTHER_ACTIVITY
        return Login(f"session {change}", activity, ocsf.SUCCESS, user, by or None)
    if refused := _PAM_REFUSED.match(text):
        _, by, address, user = refused.groups()
        activity = OTHER_ACTIVITY if service == "sshd" else ocsf.LOGON
        return Login("authentication failure", activity, ocsf.FAILURE, user, by or None, address or None)
    return None


def _account(service: str, text: str) -> Login | None:
    """What login, systemd-logind and the programs that change accounts say."""
    if service == "login" and (failed := _CONSOLE_FAILED.match(text)):
        return Login("console login failed", ocsf.LOGON, ocsf.FAILURE, failed[2])
    if service == "login" and (root := _CONSOLE_ROOT.match(text)):
        return Login("console login", ocsf.LOGON, ocsf.SUCCESS, "root", address=root[2])
    if service == "systemd-logind" and (seat := _SEAT.match(text)):
        return Login("new session", status=ocsf.SUCCESS, user=seat[2])
    if new := _NEW_USER.match(text):
        return Login(f"{service} new {new[1]}", status=ocsf.SUCCESS, user=new[2] if new[1] == "user" else None)
    if changed := _CHANGED.match(text):
        return Login(f"{service} change", status=ocsf.SUCCESS, user=changed[1])
    return None


_READERS = {"sshd": _ssh, "sudo": _sudo, "su": _su, "cron": _cron, "crond": _cron, "crontab": _cron}
