"""Wrong passwords, as many a second as wanted, and right ones beside them. Runs in the proxy's image and the proxy's own network
namespace, where every 127.x.y.z is an address to come from.

Reads one JSON object from standard input:
  {"host", "port", "password", "seconds", "slices": how many turns without and with wrong passwords each, "wrongPerSecond", "unanswered": how many of them wait at most (256),
   "addresses": [to come from with wrong passwords], "names": [to try them for],
   "good": [{"user", "address"}], "goodPerSecond", "attach": true to attach by Xpra's protocol as well, "display"}
and prints one line: {"wrong": {"401": 1200, …}, "quiet": {…}, "loaded": {…}} where both of the last are
{"signIn": [milliseconds], "attach": [milliseconds], "failed": ["what was answered instead"]}.
"""

import http.client
import json
import ssl
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from raw_client import Client

ORDER = json.load(sys.stdin)
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE
# As browsers do it: Xpra looks at what comes first, and would wait for it otherwise.
CONTEXT.set_alpn_protocols(["http/1.1"])


def sign_in(address, user, password):
    connection = http.client.HTTPSConnection(ORDER["host"], ORDER["port"], context=CONTEXT, timeout=60, source_address=(address, 0))
    headers = {"Content-Type": "application/json", "Origin": f"https://{ORDER['host']}:{ORDER['port']}"}
    try:
        connection.request("POST", "/api/v1/sign-in", json.dumps({"user": user, "password": password}), headers)
        answer = connection.getresponse()
        answer.read()
        return str(answer.status)
    except OSError as error:
        return type(error).__name__
    finally:
        connection.close()


def attach(address, user):
    client = Client({**ORDER, "user": user, "transport": "wss", "until": "hello", "seconds": 30, "hello": {"display": ORDER["display"]}}, address)
    packets = client.talk()
    client.socket.close()
    return "hello" if packets[-1][1] == "hello" else json.dumps(packets[-1])


class Wrong:
    """The guesser. Starts attempts at even distances, whether or not earlier ones are answered, up to a number of them."""

    def __init__(self):
        self.answers = Counter()
        self.lock = threading.Lock()
        most = ORDER.get("unanswered", 256)
        self.pool = ThreadPoolExecutor(most)
        self.places = threading.Semaphore(most)
        self.number = 0

    def one(self, number):
        address = ORDER["addresses"][number % len(ORDER["addresses"])]
        answer = sign_in(address, ORDER["names"][number % len(ORDER["names"])], f"wrong-{number}")
        self.places.release()
        with self.lock:
            self.answers[answer] += 1

    def run(self, end):
        due = time.monotonic()
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            if self.places.acquire(blocking=False):
                self.pool.submit(self.one, self.number)
                self.number += 1
            due += 1 / ORDER["wrongPerSecond"]


def good(end, into, number=0):
    while time.monotonic() < end:
        began = time.monotonic()
        who = ORDER["good"][number % len(ORDER["good"])]
        number += 1
        answer = sign_in(who["address"], who["user"], ORDER["password"])
        took = (time.monotonic() - began) * 1000
        if answer == "200":
            into["signIn"].append(round(took, 3))
        else:
            into["failed"].append(f"sign-in of {who['user']}: {answer}")
        if ORDER.get("attach"):
            from_here = time.monotonic()
            answer = attach(who["address"], who["user"])
            if answer == "hello":
                into["attach"].append(round((time.monotonic() - from_here) * 1000, 3))
            else:
                into["failed"].append(f"attach of {who['user']}: {answer}")
        time.sleep(max(0.0, 1 / ORDER["goodPerSecond"] - (time.monotonic() - began)))
    return number


def main():
    result = {kind: {"signIn": [], "attach": [], "failed": []} for kind in ("quiet", "loaded")}
    wrong = Wrong()
    slices = ORDER.get("slices", 1)
    number = 0
    for _ in range(slices):
        for kind in ("quiet", "loaded") if ORDER.get("quiet", True) else ("loaded",):
            end = time.monotonic() + ORDER["seconds"] / slices
            guesser = threading.Thread(target=wrong.run, args=(end,)) if kind == "loaded" else None
            if guesser:
                guesser.start()
            number = good(end, result[kind], number)
            if guesser:
                guesser.join()
                # The last answers come a second late.
                time.sleep(1.5)
    wrong.pool.shutdown(wait=True)
    print(json.dumps({"wrong": wrong.answers, **result}))


main()
