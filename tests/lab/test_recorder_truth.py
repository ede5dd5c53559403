"""The recorder's own reading: names from numbers, events from records, a step's process tree from forks."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "lab"))

from recorder import audit_text  # noqa: E402
from recorder.names import Names  # noqa: E402

NAMES = Names.read(
    "root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\ngateway-3:x:2033:65534::/:/bin/false\n",
    "root:x:0:\nwww-data:x:33:\n",
)
EXECUTED = (
    b"type=SYSCALL msg=audit(1795521510.100:7): arch=c000003e syscall=59 success=yes exit=0 ppid=10 pid=11 auid=2033 "
    b'uid=33 gid=33 euid=0 ses=4 comm="sh" exe="/usr/bin/dash" key="exec"\x1dARCH=x86_64 SYSCALL=execve '
    b'AUID="unknown(2033)" UID="www-data" GID="mail" EUID="root"'
)
ARGUMENTS = b'type=EXECVE msg=audit(1795521510.100:7): argc=3 a0="sh" a1="-c" a2=6375726C20783B206964'
CONNECTED = b"type=SOCKADDR msg=audit(1795521510.200:8): saddr=0200115CC63364170000000000000000\x1dSADDR={ }"
CONNECTING = EXECUTED.replace(b"510.100:7", b"510.200:8").replace(b'key="exec"', b'key="net"')
ELSEWHERE = EXECUTED.replace(b"510.100:7", b"510.300:9").replace(b"auid=2033", b"auid=3033")


def test_names_follow_the_numbers_whatever_the_machine_called_them() -> None:
    line = NAMES.rewritten(EXECUTED)
    assert line.partition(b"\x1d")[0] == EXECUTED.partition(b"\x1d")[0]
    assert line.endswith(b'AUID="gateway-3" UID="www-data" GID="www-data" EUID="root"')
    assert NAMES.rewritten(line) == line
    assert NAMES.rewritten(ARGUMENTS) == ARGUMENTS


def test_records_of_one_serial_are_one_event_also_where_they_interleave() -> None:
    events = audit_text.read([EXECUTED, CONNECTING, ARGUMENTS, ELSEWHERE, CONNECTED], range(2001, 2063))
    assert [event.serial for event in events] == [7, 8], "another estate's event is left out"
    executed, connected = events
    assert executed.executes
    assert executed.contains("curl x; id")
    assert executed.lines == [EXECUTED, ARGUMENTS]
    assert connected.target == ("198.51.100.23", 4444)
    assert (connected.pid, connected.key) == (11, "net")
