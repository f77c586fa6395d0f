# Plants secrets and servers around a command, and runs it: dlq-investigate, or a control without it.
# usage: around.py COMMAND...   in the folder of the bench, with the repository in repo/
import ctypes, fcntl, os, platform, socket, struct, subprocess, sys, threading

# Not one word here: a search for it must not find this program.
def planted(where):
    return "-".join(["planted", where])

def keyring():
    add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}[platform.machine()]
    libc, secret = ctypes.CDLL(None), planted("in-the-keyring").encode()
    libc.syscall(control, 1, None)  # KEYCTL_JOIN_SESSION_KEYRING
    libc.syscall(add, b"user", b"dlq-secret", secret, len(secret), -3)

def serve(family, address):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen()
    def answer():
        while True:
            client = listener.accept()[0]
            client.sendall((planted("by-a-server") + "\n").encode())
            client.close()
    threading.Thread(target=answer, daemon=True).start()
    return listener.getsockname()

def bring_up(name, address):
    # The namespace is our own: see `unshare -n` of the test.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        if address:
            inet = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(control, 0x8916, struct.pack("16s16s", name, inet))  # SIOCSIFADDR
        fcntl.ioctl(control, 0x8914, struct.pack("16sH14x", name, 0x41))  # SIOCSIFFLAGS: up, running

def main():
    keyring()
    if os.environ.get("OWN_NETWORK"):
        bring_up(b"lo", None)
        bring_up(b"lo:1", "169.254.169.254")
        serve(socket.AF_INET, ("169.254.169.254", 80))
    port = serve(socket.AF_INET, ("127.0.0.1", 0))[1]
    serve(socket.AF_UNIX, "\0dlq-%d" % port)
    serve(socket.AF_UNIX, "s")
    victim = subprocess.Popen(
        [planted("in-an-argument"), "300"], executable="/usr/bin/sleep",
        env={"SECRET": planted("in-a-variable")}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    loose = subprocess.run(
        ["git", "-C", "repo", "hash-object", "-w", "--stdin"], check=True, capture_output=True,
        input=planted("in-a-loose-object").encode()).stdout.decode().strip()
    with open("loose", "w") as file:
        file.write(loose[:2] + "/" + loose[2:])
    with open("repo/attack.sh") as file:
        text = file.read()
    for word, value in [("%PORT%", port), ("%VICTIM%", victim.pid), ("%LOOSE%", loose),
                        ("%OBJECT%", loose[:2] + "/" + loose[2:])]:
        text = text.replace(word, str(value))
    with open("repo/attack.sh", "w") as file:
        file.write(text)
    subprocess.run("cd repo && git add -A && git -c user.name=a -c user.email=a@b.c commit -qm more",
                   shell=True, check=True)
    secret = os.open("descriptor", os.O_RDONLY)
    os.dup2(secret, 33)
    os.environ["PLANTED"] = planted("in-the-environment")
    ran = subprocess.run(sys.argv[1:], pass_fds=[33])
    victim.kill()
    sys.exit(ran.returncode if ran.returncode >= 0 else 128 - ran.returncode)

main()
