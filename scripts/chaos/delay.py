#!/usr/bin/env python3
"""Holds each packet of a netfilter queue for a while before it goes on.

    delay.py QUEUE MILLISECONDS [JITTER]

Runs in the network namespace (or on the host) whose NFQUEUE rule feeds the queue; root; nothing but the standard
library. Prints `ready` once it has the queue. SIGTERM, or the end of whoever started it, lets go of what is held
and ends. With jitter, packets may overtake each other, as they do on a network. Give the rule `--queue-bypass`,
so that packets pass when this is not running.
"""

import heapq
import os
import random
import select
import signal
import socket
import struct
import sys
import time

NETLINK_NETFILTER = 12
SOL_NETLINK, NETLINK_NO_ENOBUFS = 270, 5
QUEUE_SUBSYSTEM = 3
MSG_PACKET, MSG_VERDICT, MSG_CONFIG = 0, 1, 2
FLAG_REQUEST, FLAG_ACK = 1, 4
ATTR_PACKET_HEADER, ATTR_VERDICT = 1, 2
CONFIG_COMMAND, CONFIG_COPY, CONFIG_LENGTH, CONFIG_MASK, CONFIG_FLAGS = 1, 2, 3, 4, 5
COMMAND_BIND, COPY_META, VERDICT_ACCEPT = 1, 1, 1
# A full queue lets packets through, and large segments stay in one piece.
QUEUE_FLAGS = 1 | 4
QUEUE_MAX_COUNT = 20_000
BUFFER_BYTES = 1 << 16


def attribute(kind, payload):
    padding = -len(payload) % 4
    return struct.pack("=HH", 4 + len(payload), kind) + payload + bytes(padding)


def attributes(data, start, end):
    """Yields kind and payload of each attribute; stops at what is not one."""
    while start + 4 <= end:
        length, kind = struct.unpack_from("=HH", data, start)
        if length < 4 or start + length > end:
            return
        yield kind & 0x7FFF, data[start + 4 : start + length]
        start += length + (-length % 4)


class Queue:
    """One netfilter queue, over netlink."""

    def __init__(self, number):
        self.number = number
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.bind((0, 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        # When this is too slow, packets are lost, as on a full link, and reading goes on.
        self.socket.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
        self.configure(attribute(CONFIG_COMMAND, struct.pack(">BBH", COMMAND_BIND, 0, 0)))
        self.configure(attribute(CONFIG_COPY, struct.pack(">IB", 0, COPY_META)))
        self.configure(attribute(CONFIG_LENGTH, struct.pack(">I", QUEUE_MAX_COUNT)))
        flags = struct.pack(">I", QUEUE_FLAGS)
        self.configure(attribute(CONFIG_MASK, flags) + attribute(CONFIG_FLAGS, flags))
        self.socket.setblocking(False)

    def send(self, kind, payload, flags=0):
        family = struct.pack(">BBH", socket.AF_UNSPEC, 0, self.number)
        length = 16 + len(family) + len(payload)
        kind |= QUEUE_SUBSYSTEM << 8
        self.socket.send(struct.pack("=IHHII", length, kind, FLAG_REQUEST | flags, 0, 0) + family + payload)

    def configure(self, payload):
        self.send(MSG_CONFIG, payload, FLAG_ACK)
        problem = -struct.unpack_from("=i", self.socket.recv(BUFFER_BYTES), 16)[0]
        if problem:
            sys.exit(f"delay.py: queue {self.number}: {os.strerror(problem)}")

    def packets(self):
        """Ids of the packets that have arrived since."""
        while True:
            try:
                data = self.socket.recv(BUFFER_BYTES)
            except BlockingIOError:
                return
            start = 0
            while start + 20 <= len(data):
                length, kind = struct.unpack_from("=IH", data, start)
                if length < 20:
                    break
                if kind == QUEUE_SUBSYSTEM << 8 | MSG_PACKET:
                    for name, payload in attributes(data, start + 20, start + length):
                        if name == ATTR_PACKET_HEADER:
                            yield struct.unpack_from(">I", payload)[0]
                start += length + (-length % 4)

    def accept(self, packet):
        self.send(MSG_VERDICT, attribute(ATTR_VERDICT, struct.pack(">II", VERDICT_ACCEPT, packet)))


def main(number, delay_s, jitter_s):
    queue = Queue(number)
    ending = []
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: ending.append(True))
    poll = select.poll()
    poll.register(queue.socket, select.POLLIN)
    print("ready", flush=True)
    held = []
    parent = os.getppid()
    # Nobody else could end this, and the queue would stay taken.
    while not ending and os.getppid() == parent:
        wait_ms = 1_000.0
        if held:
            wait_ms = max(0.0, (held[0][0] - time.monotonic()) * 1_000)
        poll.poll(wait_ms)
        now = time.monotonic()
        for packet in queue.packets():
            due = now + max(0.0, delay_s + random.uniform(-jitter_s, jitter_s))
            heapq.heappush(held, (due, packet))
        while held and held[0][0] <= time.monotonic():
            queue.accept(heapq.heappop(held)[1])
    for _, packet in sorted(held):
        queue.accept(packet)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(int(sys.argv[1]), float(sys.argv[2]) / 1_000, float(sys.argv[3] if len(sys.argv) > 3 else 0) / 1_000)
