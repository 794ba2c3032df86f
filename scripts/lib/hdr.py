"""Reads the histograms of a result: HdrHistogram's V2 form, compressed, base64 (its encoding is described with the
Java library). A reader of its own, so that what is measured is not judged by the code that measured it."""

import base64
import struct
import zlib

V2, V2_COMPRESSED = 0x1C849303, 0x1C849304


def decode(text):
    """(lowest value, highest value, count) of each bucket that has counts, ascending; values as recorded (ns)."""
    packed = base64.b64decode(text)
    cookie, length = struct.unpack_from(">ii", packed)
    if cookie & ~0xF0 != V2_COMPRESSED & ~0xF0:
        raise ValueError(f"no compressed V2 histogram: {cookie:#x}")
    plain = zlib.decompress(packed[8:8 + length])
    cookie, length, _, digits, lowest, _, _ = struct.unpack_from(">iiiiqqd", plain)
    if cookie & ~0xF0 != V2 & ~0xF0:
        raise ValueError(f"no V2 histogram: {cookie:#x}")
    unit = lowest.bit_length() - 1
    half = (2 * 10**digits - 1).bit_length() - 1
    buckets, index, at, end = [], 0, 40, 40 + length
    while at < end:
        count, at = zigzag(plain, at)
        if count < 0:
            index -= count
            continue
        if count:
            low = value_from(index, unit, half)
            buckets.append((low, value_from(index + 1, unit, half) - 1, count))
        index += 1
    return buckets


def zigzag(data, at):
    """A ZigZag LEB128 number of at most nine bytes, and where the next one begins."""
    value = shift = 0
    for n in range(9):
        byte = data[at]
        at += 1
        value |= (byte if n == 8 else byte & 0x7F) << shift
        if n == 8 or not byte & 0x80:
            break
        shift += 7
    return (value >> 1) ^ -(value & 1), at


def value_from(index, unit, half):
    """The lowest value of a bucket: `half` is the binary logarithm of half a bucket's cells."""
    bucket = (index >> half) - 1
    sub = (index & ((1 << half) - 1)) + (1 << half)
    if bucket < 0:
        sub -= 1 << half
        bucket = 0
    return sub << (bucket + unit)


def quantile(buckets, share):
    """The highest value of the bucket in which the share is reached."""
    wanted, seen = share * sum(count for *_, count in buckets), 0
    for _, high, count in buckets:
        seen += count
        if seen >= wanted:
            return high
    return buckets[-1][1]
