"""System calls by number, for RAW logs; and what each does to a file, for all logs.

Numbers from the kernel's tables of x86_64, aarch64 and i386 (audit prints the machine as `arch=`); only calls that
audit rules ask for. A number that is not here stays a number.
"""

from __future__ import annotations

from lichen.core import ocsf

_X86_64 = """
0:read 1:write 2:open 3:close 4:stat 21:access 41:socket 42:connect 43:accept 44:sendto 45:recvfrom 46:sendmsg
49:bind 50:listen 56:clone 57:fork 58:vfork 59:execve 60:exit 61:wait4 62:kill 76:truncate 77:ftruncate 82:rename
83:mkdir 84:rmdir 85:creat 86:link 87:unlink 88:symlink 90:chmod 91:fchmod 92:chown 93:fchown 94:lchown 99:sysinfo
101:ptrace 103:syslog 105:setuid 106:setgid 113:setreuid 114:setregid 117:setresuid 119:setresgid 132:utime
133:mknod 135:personality 155:pivot_root 159:adjtimex 161:chroot 163:acct 164:settimeofday 165:mount 166:umount2
167:swapon 169:reboot 170:sethostname 171:setdomainname 172:iopl 173:ioperm 175:init_module 176:delete_module
179:quotactl 188:setxattr 189:lsetxattr 190:fsetxattr 197:removexattr 198:lremovexattr 199:fremovexattr
227:clock_settime 235:utimes 246:kexec_load 248:add_key 249:request_key 250:keyctl 257:openat 258:mkdirat
259:mknodat 260:fchownat 263:unlinkat 264:renameat 265:linkat 266:symlinkat 268:fchmodat 272:unshare 280:utimensat
288:accept4 298:perf_event_open 304:open_by_handle_at 305:clock_adjtime 308:setns 310:process_vm_readv
311:process_vm_writev 313:finit_module 316:renameat2 319:memfd_create 320:kexec_file_load 321:bpf 322:execveat
425:io_uring_setup 435:clone3 437:openat2 452:fchmodat2
"""
_AARCH64 = """
5:setxattr 6:lsetxattr 7:fsetxattr 14:removexattr 15:lremovexattr 16:fremovexattr 33:mknodat 34:mkdirat 35:unlinkat
36:symlinkat 37:linkat 38:renameat 39:umount2 40:mount 41:pivot_root 45:truncate 46:ftruncate 51:chroot 52:fchmod
53:fchmodat 54:fchownat 55:fchown 56:openat 57:close 60:quotactl 63:read 64:write 88:utimensat 89:acct
92:personality 93:exit 97:unshare 104:kexec_load 105:init_module 106:delete_module 112:clock_settime 116:syslog
117:ptrace 129:kill 142:reboot 143:setregid 144:setgid 145:setreuid 146:setuid 147:setresuid 149:setresgid
161:sethostname 162:setdomainname 170:settimeofday 171:adjtimex 179:sysinfo 198:socket 200:bind 201:listen
202:accept 203:connect 206:sendto 207:recvfrom 211:sendmsg 217:add_key 218:request_key 219:keyctl 220:clone
221:execve 224:swapon 241:perf_event_open 242:accept4 260:wait4 265:open_by_handle_at 266:clock_adjtime 268:setns
270:process_vm_readv 271:process_vm_writev 273:finit_module 276:renameat2 279:memfd_create 280:bpf 281:execveat
294:kexec_file_load 425:io_uring_setup 435:clone3 437:openat2 452:fchmodat2
"""
_I386 = """
1:exit 2:fork 3:read 4:write 5:open 6:close 8:creat 9:link 10:unlink 11:execve 14:mknod 15:chmod 16:lchown 21:mount
23:setuid 25:stime 26:ptrace 30:utime 33:access 37:kill 38:rename 39:mkdir 40:rmdir 46:setgid 51:acct 52:umount2
61:chroot 70:setreuid 71:setregid 74:sethostname 79:settimeofday 83:symlink 87:swapon 88:reboot 92:truncate
93:ftruncate 94:fchmod 95:fchown 101:ioperm 103:syslog 106:stat 110:iopl 114:wait4 116:sysinfo 120:clone
121:setdomainname 124:adjtimex 128:init_module 129:delete_module 131:quotactl 136:personality 164:setresuid
170:setresgid 182:chown 190:vfork 217:pivot_root 226:setxattr 227:lsetxattr 228:fsetxattr 235:removexattr
236:lremovexattr 237:fremovexattr 264:clock_settime 271:utimes 286:add_key 287:request_key 288:keyctl 295:openat
296:mkdirat 297:mknodat 298:fchownat 301:unlinkat 302:renameat 303:linkat 304:symlinkat 306:fchmodat 310:unshare
320:utimensat 336:perf_event_open 342:open_by_handle_at 343:clock_adjtime 346:setns 347:process_vm_readv
348:process_vm_writev 350:finit_module 353:renameat2 356:memfd_create 357:bpf 358:execveat 359:socket 361:bind
362:connect 363:listen 364:accept4 369:sendto 370:sendmsg 371:recvfrom 425:io_uring_setup 435:clone3 437:openat2
452:fchmodat2
"""

MACHINES = {"c000003e": "x86_64", "c00000b7": "aarch64", "40000003": "i386"}


def _table(text: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in text.split())


_NUMBERS = {"c000003e": _table(_X86_64), "c00000b7": _table(_AARCH64), "40000003": _table(_I386)}

EXEC = frozenset({"execve", "execveat"})
NETWORK = {"connect": ocsf.OPEN, "sendto": 6, "sendmsg": 6, "bind": 7, "accept": ocsf.ACCEPT, "accept4": ocsf.ACCEPT}
PEER_IS_SOURCE = frozenset({"accept", "accept4"})

FILE_ACTIVITY = {
    "creat": ocsf.CREATE,
    "mkdir": ocsf.CREATE,
    "mkdirat": ocsf.CREATE,
    "mknod": ocsf.CREATE,
    "mknodat": ocsf.CREATE,
    "truncate": ocsf.UPDATE,
    "ftruncate": ocsf.UPDATE,
    "rename": ocsf.RENAME,
    "renameat": ocsf.RENAME,
    "renameat2": ocsf.RENAME,
    "unlink": ocsf.DELETE,
    "unlinkat": ocsf.DELETE,
    "rmdir": ocsf.DELETE,
    "link": ocsf.LINK,
    "linkat": ocsf.LINK,
    "symlink": ocsf.LINK,
    "symlinkat": ocsf.LINK,
    "utime": ocsf.SET_ATTRIBUTES,
    "utimes": ocsf.SET_ATTRIBUTES,
    "utimensat": ocsf.SET_ATTRIBUTES,
    **dict.fromkeys(("chmod", "fchmod", "fchmodat", "fchmodat2"), ocsf.SET_SECURITY),
    **dict.fromkeys(("chown", "fchown", "lchown", "fchownat"), ocsf.SET_SECURITY),
    **dict.fromkeys(("setxattr", "lsetxattr", "fsetxattr"), ocsf.SET_SECURITY),
    **dict.fromkeys(("removexattr", "lremovexattr", "fremovexattr"), ocsf.SET_SECURITY),
}
OPEN_FLAGS = {"open": "a1", "openat": "a2", "open_by_handle_at": "a2"}  # which argument says how; openat2 hides it
OPENS = frozenset({*OPEN_FLAGS, "openat2"})
DIRECTORY = {  # which argument is the directory that a relative name is looked up in
    **dict.fromkeys(("openat", "openat2", "mkdirat", "mknodat", "unlinkat", "fchownat", "fchmodat", "fchmodat2"), "a0"),
    **dict.fromkeys(("utimensat", "execveat"), "a0"),
    **dict.fromkeys(("renameat", "renameat2", "linkat"), "a2"),
    "symlinkat": "a1",
}
OLD_DIRECTORY = {"renameat": "a0", "renameat2": "a0"}
WORKING_DIRECTORY = frozenset({"ffffff9c", "ffffffffffffff9c"})  # AT_FDCWD
_WRITES = 0o1 | 0o2 | 0o1000 | 0o2000  # O_WRONLY, O_RDWR, O_TRUNC, O_APPEND


def name_of(machine: str, number: str) -> str:
    """The call's name, or its number where the table has none."""
    return _NUMBERS.get(machine, {}).get(number, number)


def opens_to_write(flags: str) -> bool:
    """Whether open's flags (hexadecimal, as audit prints them) ask to write. Raises nothing: odd text means no."""
    try:
        return bool(int(flags, 16) & _WRITES)
    except ValueError:
        return False
