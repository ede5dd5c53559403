"""Windows events as shippers write them, with made-up values: something for every way of the engine."""

from __future__ import annotations

import json
import random
from typing import Any

SYSMON = "Microsoft-Windows-Sysmon/Operational"
PROGRAMS = (r"C:\Windows\System32\cmd.exe", r"C:\Temp\ünïcode\whoami.exe", r"C:\Windows\regsvr32.exe", r"C:\a\b.dll")
COMMANDS = (
    "whoami /all",
    'reg add "HKCU\\x" /v y',
    "powershell -enc AAAA\r\n",
    "\t tab",
    "mimikatz sekurlsa::x",
    "ſekurlsa::x",
    "😀",
)
RULES = """\
title: who
id: 00000000-0000-0000-0000-000000000001
logsource: {product: windows, category: process_creation}
detection:
  sel: {Image|endswith: '\\whoami.exe'}
  cmd: {CommandLine|contains: ['/all', '😀']}
  condition: sel or cmd
---
title: words
id: 00000000-0000-0000-0000-000000000002
logsource: {product: windows}
detection:
  words: ['sekurlsa::']
  known: {EventID: 15}
  condition: words and not known
---
title: odd numbers
id: 00000000-0000-0000-0000-000000000003
logsource: {product: windows, service: security}
detection:
  sel: {EventID: [4624, 4625], LogonType|gte: 3}
  nobody: {TargetUserName: null}
  condition: sel and not nobody
---
title: no rule of the kind
id: 00000000-0000-0000-0000-000000000004
logsource: {product: windows, service: security}
detection:
  sel: {EventID: 4688, NewProcessName|re: '(?i)reg.*32'}
  condition: sel
---
title: same
id: 00000000-0000-0000-0000-000000000005
logsource: {product: windows, category: process_creation}
detection:
  sel: {Image|fieldref: ParentImage}
  net: {SourceIp|cidr: 10.0.0.0/8}
  glob: {CommandLine: 'reg*"*y'}
  condition: sel or net or glob
---
title: absent
id: 00000000-0000-0000-0000-000000000006
logsource: {product: windows, category: network_connection}
detection:
  here: {Initiated: 'true'}
  net: {DestinationIp|cidr: ['10.0.0.0/8', '2001:db8::/32']}
  condition: here and not net
"""


def event(dice: random.Random) -> dict[str, Any]:
    """One event, in one of the layouts."""
    fields: dict[str, Any] = {
        "Image": dice.choice(PROGRAMS),
        "ParentImage": dice.choice(PROGRAMS),
        "CommandLine": dice.choice(COMMANDS),
        "SourceIp": dice.choice(("10.1.2.3", "2001:db8::1", "::ffff:10.0.0.9", "nowhere")),
        "DestinationIp": dice.choice(("10.1.2.3", "2001:db8::1", "192.0.2.1")),
        "Initiated": dice.choice(("true", True, "false")),
        "LogonType": dice.choice((2, 3, "3", "10", 3.0, None, -0.0, 10**25, [2, 3])),
        "TargetUserName": dice.choice(("SYSTEM", None, "", "x" * dice.randrange(300))),
        "NewProcessName": dice.choice(PROGRAMS),
        "Keywords": -9223372036854775808,
        "tags": ["a", {"Image": "C:\\whoami.exe"}],
    }
    chosen = {name: value for name, value in fields.items() if dice.random() < 0.8}
    channel, number = dice.choice(
        ((SYSMON, 1), (SYSMON, 3), (SYSMON, 15), ("Security", 4624), ("Security", 4688), ("x", 1))
    )
    layout = dice.randrange(10)
    if layout < 7:
        whole = {**chosen, "Channel": channel, "EventID": dice.choice((number, number, number, str(number)))}
    elif layout == 7:
        whole = {"log_name": channel, "event_id": number, "event_data": chosen, "host": {"name": "h"}}
    elif layout == 8:
        whole = {"winlog": {"channel": channel, "event_id": number, "event_data": chosen, "x": [[], {}]}}
    else:
        whole = {"Event": {"System": {"Channel": channel, "EventID": number}, "EventData": chosen}}
    names = list(whole)
    dice.shuffle(names)
    return {name: whole[name] for name in names}


def line(dice: random.Random) -> bytes:
    """One event as a line, in one of the ways in which JSON is written."""
    style = dice.randrange(4)
    spaced: Any = {"separators": (", ", ": ")} if style == 0 else {"separators": (",", ":")}
    text = json.dumps(event(dice), ensure_ascii=style == 1, **spaced)
    return text.encode() + (b"\r\n" if style == 2 else b"\n")


def buffer(seed: int, lines: int) -> bytes:
    """Many lines, always the same for one seed."""
    dice = random.Random(seed)
    return b"".join(line(dice) for _ in range(lines))
