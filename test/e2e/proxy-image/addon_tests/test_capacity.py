# SPDX-License-Identifier: GPL-2.0-or-later
"""How many clients there is room for, and that none of them can fill the memory."""

import threading
import time
import unittest

from vdi_door.capacity import MIB, Limits, container_limits, room_for
from vdi_door.pressure import MOST_BYTES, Pressed, weight


def files(**texts):
    known = {
        "/sys/fs/cgroup/memory.max": texts.get("memory"),
        "/sys/fs/cgroup/pids.max": texts.get("tasks"),
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": texts.get("memory1"),
        "/sys/fs/cgroup/pids/pids.max": texts.get("tasks1"),
    }

    def read(path):
        if known[path] is None:
            raise FileNotFoundError(path)
        return known[path]

    return read


class Room(unittest.TestCase):
    def test_limits_of_both_versions_of_control_groups(self):
        limits = container_limits(files(memory="2147483648\n", tasks="max\n"))
        self.assertEqual((limits.memory, limits.tasks), (2048 * MIB, None))
        limits = container_limits(files(memory1="536870912\n", tasks1="1024\n"))
        self.assertEqual((limits.memory, limits.tasks), (512 * MIB, 1024))
        limits = container_limits(files(memory1="9223372036854771712\n"))
        self.assertEqual((limits.memory, limits.tasks), (None, None))
        self.assertEqual(container_limits(files()).memory, None)

    def test_the_tightest_limit_counts(self):
        self.assertEqual(room_for(Limits(2048 * MIB, None, None)), (472, "memory of 2048 MiB"))
        self.assertEqual(room_for(Limits(2048 * MIB, 1024, 1_000_000)), (70, "processes and threads of 1024"))
        self.assertEqual(room_for(Limits(None, None, 1024)), (74, "descriptors of 1024"))
        self.assertEqual(room_for(Limits(None, None, None)), (0, ""))

    def test_there_is_always_room_for_one(self):
        self.assertEqual(room_for(Limits(64 * MIB, None, None))[0], 1)


class PressedTest(unittest.TestCase):
    def put_until_it_waits(self, packets, piece, count):
        """Sends until `count` are on their way, and a moment longer, in which no more may follow."""
        done = []

        def work():
            for number in range(1000):
                packets.put(("draw", number, piece))
                done.append(number)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        end = time.monotonic() + 30
        while len(done) < count and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.3)
        self.assertEqual(len(done), count)
        return thread, done

    def test_who_sends_faster_than_is_taken_waits(self):
        packets = Pressed()
        thread, done = self.put_until_it_waits(packets, b"x" * 100_000, -(-MOST_BYTES // 100_004))
        waiting = list(done)
        self.assertEqual([packets.get()[1] for _ in waiting], waiting)
        packets.release()
        thread.join(60)
        self.assertEqual(len(done), 1000)

    def test_what_is_in_lists_and_dictionaries_counts(self):
        for wrapped in ([b"x" * 100_000], {"a": b"x" * 100_000}, [[{"a": [b"x" * 100_000]}]], {b"x" * 100_000: 1}, [[]] * 1600):
            packets = Pressed()
            thread, done = self.put_until_it_waits(packets, wrapped, -(-MOST_BYTES // weight(("draw", 1, wrapped))))
            self.assertLess(len(done), 25)
            waiting = list(done)
            self.assertEqual([packets.get()[1] for _ in waiting], waiting)
            packets.release()
            thread.join(60)
            self.assertEqual(len(done), 1000)

    def test_the_main_thread_never_waits(self):
        packets = Pressed()
        self.put_until_it_waits(packets, b"x" * 1_000_000, -(-MOST_BYTES // 1_000_004))
        packets.put(("ping",))
        packets.put_nowait(None)
        packets.release()

    def test_a_packet_larger_than_all_room_goes_through(self):
        packets = Pressed()
        thread, done = self.put_until_it_waits(packets, b"x" * (3 * MOST_BYTES), 1)
        packets.get()
        packets.release()
        thread.join(60)


if __name__ == "__main__":
    unittest.main()
