"""Asks for one file by many TLS connections, and takes next to nothing of it by any of them.

slow_readers.py HOST PORT PATH CONNECTIONS, until it is killed. Prints `{"ended": N}` each second once all are open: how many of them the
other side has ended, which are opened anew, four a second.
"""

import json
import socket
import ssl
import sys
import time

host, port, path, connections = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def ask():
    plain = socket.socket()
    # Before it connects: the window that the other side is told of.
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    plain.settimeout(10)
    plain.connect((host, port))
    secure = context.wrap_socket(plain)
    secure.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return secure


def take_a_little(connection):
    """Whether it is still open."""
    connection.settimeout(0)
    try:
        return connection.recv(512) != b""
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return True
    except OSError:
        return False


readers = [ask() for _ in range(connections)]
for turn in range(1_000_000):
    ended = 0
    for at, reader in enumerate(readers):
        if reader is None:
            ended += 1
        elif not take_a_little(reader):
            reader.close()
            readers[at] = None
    for _ in range(4):
        if None in readers:
            readers[readers.index(None)] = ask()
    print(json.dumps({"ended": ended}), flush=True)
    time.sleep(1)
