"""What is closed around a program before it runs: the text of this file is run by an interpreter of its own.

Where the kernel lets an ordinary user have namespaces, the program is in new ones: it sees no process but those it
begins, no network but a loopback that is down, and of files a read-only copy of Python's own beside an empty folder in
memory. Process 1 of its namespace is this guard's child: when that ends, the kernel ends everything that was begun in
it, daemons included. Whoever is root becomes nobody in particular first, since limits do not bind root.

Elsewhere the guard adopts what is orphaned below it and ends that; files and the network are then those of the user,
which the report says. Nothing but the standard library may be imported.

References:
    Kerrisk, 2013, "Namespaces in operation", LWN; the manual pages namespaces(7), user_namespaces(7), prctl(2)
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import sys
import time
from typing import Any, NoReturn

__all__ = ["main"]

NEW_MOUNTS, NEW_HOST, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NET = 1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30
READ_ONLY, NO_SETUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
KEPT = {2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}  # flags of statvfs that a remount must repeat
DEATH_SIGNAL, DUMPABLE, DROP_CAPABILITY, SUBREAPER, NO_NEW_PRIVILEGES = 1, 4, 24, 36, 38
CAPABILITIES = 64  # as many as the kernel may ever number
NOBODY, FIRST_USER = 65534, 1 << 30
ROOTS = ("/tmp", "/var/tmp", "/run", "/mnt")  # an empty file system in memory is mounted over one of these
SHARED = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")  # where a loader finds what Python is linked to
POLL = 0.003  # seconds between two looks
UNABLE = 77  # how a try that could not have namespaces ends

Asked = dict[str, Any]


def main() -> None:
    """Reads what to run, runs it, and reports how it ended."""
    asked: Asked = json.load(sys.stdin)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # it is looked for, and ends nothing by itself
    if sys.platform == "linux" and asked["namespaces"] and _in_namespaces(asked):
        return
    _prctl(SUBREAPER, 1)
    _prctl(DUMPABLE, 0)  # or the program could read the nonce in this process
    program = _begun(asked)
    ended = _watched(program, asked["wall"])
    with contextlib.suppress(OSError):  # its group, where nothing can be adopted
        os.killpg(program, signal.SIGKILL)
    _report(asked, "process group", ended, _end_all(_children))


def _in_namespaces(asked: Asked) -> bool:
    """Whether it was run in namespaces; if they are not to be had, nothing was run."""
    inner = os.fork()
    if inner == 0:
        try:
            root, user = _entered(asked)
        except OSError:
            os._exit(UNABLE)
        _first_process(asked, root, user)
    status = _awaited(inner, time.monotonic() + asked["wall"] + 1)
    if status is None:  # with it, the first process of the namespace dies, and so do all
        os.kill(inner, signal.SIGKILL)
        os.waitpid(inner, 0)
        _report(asked, "namespaces", {"how": "stopped", "status": 0}, 0)
        return True
    return not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == UNABLE)


def _entered(asked: Asked) -> tuple[str, int | None]:
    """Goes into new namespaces with a root of its own; tells where that is mounted, and who the program is to be."""
    user = _unshared()
    _prctl(DEATH_SIGNAL, signal.SIGKILL)
    _mount(None, "/", None, RECURSIVE | PRIVATE)
    places = dict.fromkeys(place for place in (*asked["paths"], *SHARED) if os.path.exists(place))
    links = {place: os.readlink(place) for place in places if os.path.islink(place)}
    opened = {place: os.open(place, os.O_RDONLY | os.O_DIRECTORY) for place in places if place not in links}
    root = next(place for place in ROOTS if os.path.isdir(place))
    _mount("none", root, "tmpfs", NO_SETUID | NO_DEVICES, f"size={asked['folder']},nr_inodes=1024,mode=755")
    for place, descriptor in opened.items():
        os.makedirs(root + place, exist_ok=True)
        os.fchdir(descriptor)
        _mount(".", root + place, None, BIND | RECURSIVE)
        kept = os.statvfs(root + place).f_flag
        flags = sum(flag for said, flag in KEPT.items() if kept & said) | NO_SETUID | NO_DEVICES
        _mount(None, root + place, None, REMOUNT | BIND | READ_ONLY | flags)
        os.close(descriptor)
    for place, target in links.items():
        os.makedirs(os.path.dirname(root + place), exist_ok=True)
        os.symlink(target, root + place)
    os.makedirs(root + "/work", exist_ok=True)
    os.chmod(root + "/work", 0o777)
    return root, user


def _unshared() -> int | None:
    """Goes into new namespaces. Root goes as it is, and tells who the program is to be instead; anybody else, and a
    root that may not, becomes nobody in a namespace of users."""
    spaces = NEW_MOUNTS | NEW_PIDS | NEW_NET | NEW_IPC | NEW_HOST
    if os.geteuid() == 0:
        user = FIRST_USER + os.getpid()
        with contextlib.suppress(OSError):
            _checked("unshare", spaces)
            return user
        _become_user(user)
    user, group = os.geteuid(), os.getegid()
    _checked("unshare", NEW_USER | spaces)
    _prctl(DUMPABLE, 1)  # its own files under /proc are to be written
    for name, line in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {user} 1"), ("gid_map", f"{NOBODY} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)
    return None


def _become_user(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def _first_process(asked: Asked, root: str, user: int | None) -> NoReturn:
    """Begins the first process of the namespace, which begins the program, and waits for it."""
    first = os.fork()
    if first:
        os.close(asked["report"])
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 127)
    _prctl(DEATH_SIGNAL, signal.SIGKILL)
    _prctl(DUMPABLE, 0)
    ended = _watched(_begun(asked, root, user), asked["wall"])
    _report(asked, "namespaces", ended, _end_all(None))
    os._exit(0)


def _begun(asked: Asked, root: str | None = None, user: int | None = None) -> int:
    """Begins the program, and tells its number."""
    program = os.fork()
    if program:
        for descriptor in (asked["results"], asked["said"]):
            os.close(descriptor)
        return program
    try:
        _become(asked, root, user)
    finally:
        os._exit(UNABLE)


def _become(asked: Asked, root: str | None, user: int | None) -> NoReturn:
    """Turns this process into a fresh interpreter that runs the program, and has nothing else."""
    os.setsid()
    payload = os.memfd_create("program") if root else os.open(asked["work"] + "/program", os.O_RDWR | os.O_CREAT)
    os.write(payload, json.dumps(asked["payload"]).encode())
    os.lseek(payload, 0, os.SEEK_SET)
    if root:
        os.chroot(root)
    os.chdir("/work" if root else asked["work"])
    high = [
        fcntl.fcntl(each, fcntl.F_DUPFD, 100) for each in (payload, asked["said"], asked["said"], asked["results"])
    ]
    for place, descriptor in enumerate(high):  # 0, 1, 2 and, for results, 3
        os.dup2(descriptor, place)
    os.closerange(4, 4096)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for name, (soft, hard) in asked["limits"].items():
        _limited(getattr(resource, name), soft, hard)
    for capability in range(CAPABILITIES):
        _prctl(DROP_CAPABILITY, capability)
    if user is not None:
        _become_user(user)
    _prctl(NO_NEW_PRIVILEGES, 1)
    os.execve(asked["python"], [asked["python"], "-I", "-S", "-c", asked["runner"], asked["work"]], {})


def _limited(what: int, soft: int, hard: int) -> None:
    """Sets a limit, or the one that holds already where that is less."""
    there = resource.getrlimit(what)[1]
    most = hard if there == resource.RLIM_INFINITY else min(hard, there)
    with contextlib.suppress(ValueError, OSError):  # as on systems that know no limit of memory
        resource.setrlimit(what, (min(soft, most), most))


def _watched(program: int, wall: float) -> dict[str, Any]:
    """Waits until the program ends, its time is over, or the guard is told to stop."""
    status = _awaited(program, time.monotonic() + wall)
    return {"how": "stopped", "status": 0} if status is None else {"how": "ended", "status": status}


def _awaited(process: int, deadline: float) -> int | None:
    """The status with which a child ended; None where it has not by then, or the guard is told to stop."""
    while True:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                if found[0] == process:
                    return found[1]
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        if signal.SIGTERM in signal.sigpending():
            return None
        time.sleep(min(left, POLL))


def _end_all(children: Any) -> int:
    """Ends everything that the program has left, and tells how many that were.

    Args:
        children: What tells the children of this process; None where it is the first of its namespace.
    """
    ended, deadline = 0, time.monotonic() + 2
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if children is None:
                os.kill(-1, signal.SIGKILL)
            else:
                for child in children():
                    os.kill(child, signal.SIGKILL)
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                ended += 1
            else:
                time.sleep(0.002)
        except ChildProcessError:
            break
    return ended


def _children() -> list[int]:
    """The children of this process, adopted ones included."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _report(asked: Asked, containment: str, ended: dict[str, Any], left: int) -> None:
    told = {"nonce": asked["nonce"], "containment": containment, "left": left, **ended}
    os.write(asked["report"], json.dumps(told).encode() + b"\n")  # one write, which is whole or not at all


def _prctl(option: int, value: int) -> None:
    with contextlib.suppress(AttributeError, OSError):  # which Linux alone has
        _checked("prctl", option, value, 0, 0, 0)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [None if word is None else word.encode() for word in (source, target, kind, options)]
    _checked("mount", words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])


def _checked(name: str, *arguments: Any) -> None:
    """A call of the C library.

    Raises:
        OSError: If it fails.
    """
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name} must be allowed, got {os.strerror(number)}. Run without namespaces.")


if __name__ == "__main__":
    main()
