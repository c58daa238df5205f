"""What a user could try from inside a session; each line of the output is one attempt as JSON: name, ended how, detail."""
import ctypes, errno, json, os, socket, ssl, struct, subprocess, sys, urllib.error, urllib.request

targets = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


def say(name, outcome, detail=""):
    print(json.dumps({"name": name, "outcome": outcome, "detail": str(detail)[:20000]}), flush=True)


def attempt(name, function):
    try:
        say(name, "done", function())
    except urllib.error.HTTPError as error:
        say(name, f"status {error.code}", error.read().decode(errors="replace"))
    except OSError as error:
        number = error.reason.errno if isinstance(getattr(error, "reason", None), OSError) else error.errno
        late = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
        say(name, "timeout" if late else errno.errorcode.get(number, "error"), error)
    except Exception as error:
        say(name, "error", repr(error))


def call(name, *args):
    """A function of libc; raises OSError when it fails."""
    result = getattr(libc, name)(*args)
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def command(*words):
    ended = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
    if ended.returncode != 0:
        raise OSError(errno.EPERM, (ended.stdout + ended.stderr).strip() or f"exit code {ended.returncode}")
    return ended.stdout + ended.stderr


def write(path):
    with open(path, "w") as file:
        file.write("x")


def http(url):
    context = ssl._create_unverified_context()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=3) as answer:
        return answer.read(20000).decode(errors="replace")


def connect(host, port):
    socket.create_connection((host, port), timeout=3).close()


def raw(family, kind, protocol):
    socket.socket(family, kind, protocol).close()


def namespace(flags):
    child = os.fork()
    if child == 0:
        os._exit(0 if libc.unshare(flags) == 0 else ctypes.get_errno())
    _, status = os.waitpid(child, 0)
    number = os.waitstatus_to_exitcode(status)
    if number != 0:
        raise OSError(number, os.strerror(number))


def setuid_programs():
    """Files that would give another's rights."""
    found = set()
    for top in ("/bin", "/sbin", "/usr", "/opt", "/srv", "/etc", "/var", "/home", "/tmp", "/run"):
        for directory, _, files in os.walk(top):
            for file in files:
                # /bin is another name of /usr/bin.
                path = os.path.join(os.path.realpath(directory), file)
                try:
                    mode = os.lstat(path).st_mode
                    if mode & 0o6000 and not os.path.islink(path):
                        found.add(path)
                    if "security.capability" in os.listxattr(path, follow_symlinks=False):
                        found.add(path + " (capabilities)")
                except OSError:
                    pass
    return "\n".join(sorted(found))


def processes():
    """Processes that are not the user's own."""
    foreign = []
    for each in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{each}/status") as file:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
            if set(status["Uid"].split()) != {str(os.getuid())}:
                foreign.append(f"{each} {status['Name']} {status['Uid']}")
        except OSError:
            pass
    return "\n".join(foreign)


def status():
    wanted = ("Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
    with open("/proc/self/status") as file:
        return json.dumps({key: value.strip() for key, _, value in (line.partition(":") for line in file) if key in wanted})


def mounts():
    """Mount points with their options and file system types."""
    with open("/proc/self/mountinfo") as file:
        rows = [line.split() for line in file]
    return json.dumps([{"at": row[4], "options": row[5], "type": row[row.index("-") + 1], "source": row[row.index("-") + 2]} for row in rows])


attempt("status", status)
attempt("processes of others", processes)
attempt("mounts", mounts)
attempt("setuid programs", setuid_programs)
for path in ("/usr/bin/x", "/etc/x", "/x", "/var/x", "/srv/x", "/etc/passwd", "/proc/sys/kernel/hostname", "/sys/kernel/mm/x", "/sys/fs/cgroup/x"):
    attempt(f"write {path}", lambda: write(path))
attempt("token", lambda: os.listdir("/var/run/secrets"))
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("broker socket", lambda: os.stat("/run/vdi/broker/broker.sock"))
attempt("container socket", lambda: [path for path in ("/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/docker.sock") if os.path.exists(path)])
attempt("su", lambda: command("su", "-c", "id"))
attempt("sudo", lambda: command("sudo", "-n", "id"))
attempt("setuid 0", lambda: call("setuid", 0))
attempt("setgroups", lambda: os.setgroups([0]))
attempt("mount", lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None))
attempt("remount root", lambda: call("mount", b"none", b"/", None, 32, None))
attempt("user namespace", lambda: namespace(0x10000000))
attempt("mount namespace", lambda: namespace(0x00020000))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("device", lambda: os.mknod("/tmp/device", 0o60600, os.makedev(8, 0)))
attempt("module", lambda: call("syscall", 175, 0, 0, b""))
attempt("kernel log", lambda: call("klogctl", 3, ctypes.create_string_buffer(64), 64))
attempt("bpf", lambda: call("syscall", 321, 0, 0, 0))
attempt("perf", lambda: call("syscall", 298, ctypes.create_string_buffer(128), 0, -1, -1, 0))
attempt("keyring", lambda: call("syscall", 250, 0, -3, 0))
attempt("clock", lambda: call("settimeofday", struct.pack("qq", 0, 0), None))
attempt("raw socket", lambda: raw(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("packet socket", lambda: raw(socket.AF_PACKET, socket.SOCK_RAW, 0x0300))
attempt("port 80", lambda: socket.socket().bind(("0.0.0.0", 80)))
for name, address in targets["http"].items():
    attempt(f"http {name}", lambda: http(address))
for name, (host, port) in targets["tcp"].items():
    attempt(f"tcp {name}", lambda: connect(host, port))
