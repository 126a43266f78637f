"""Writes a capture anew: another link layer, IP packets in fragments, interfaces that differ.

usage: rewrap.py INPUT.pcap OUTPUT.pcap ethernet|ppp|pppoe [FRAGMENT-SIZE]

The input is Ethernet with IPv4. Fragments come in reverse order, the first one twice.
"""
import struct
import sys

LINKS = {
    "ethernet": (1, None),
    "ppp": (9, lambda packet: b"\x21" + packet),
    "pppoe": (1, lambda packet: bytes(12) + struct.pack(">HHHHH", 0x8864, 0x1100, 1, len(packet) + 2, 0x21) + packet),
}


def fragments(packet, size):
    """The packet in parts of at most `size` bytes, a multiple of 8."""
    header, payload = packet[:20], packet[20:struct.unpack(">H", packet[2:4])[0]]
    if not size or len(payload) <= size:
        return [packet]
    parts = []
    for at in range(0, len(payload), size):
        part = payload[at:at + size]
        more = 0x2000 if at + size < len(payload) else 0
        parts.append(header[:2] + struct.pack(">H", 20 + len(part)) + header[4:6] + struct.pack(">H", more | at // 8) +
                     header[8:] + part)
    return parts[:1] + parts[::-1]


def main():
    data = open(sys.argv[1], "rb").read()
    assert data[:4] == b"\xd4\xc3\xb2\xa1" and struct.unpack("<I", data[20:24])[0] == 1
    number, wrap = LINKS[sys.argv[3]]
    size = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    with open(sys.argv[2], "wb") as out:
        out.write(data[:20] + struct.pack("<I", number))
        at = 24
        while at < len(data):
            seconds, part, captured, _ = struct.unpack("<IIII", data[at:at + 16])
            frame = data[at + 16:at + 16 + captured]
            at += 16 + captured
            for packet in fragments(frame[14:], size):
                made = wrap(packet) if wrap else frame[:14] + packet
                out.write(struct.pack("<IIII", seconds, part, len(made), len(made)) + made)


main()
