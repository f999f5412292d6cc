"""Coordinate images, section 15 of format_spec.md, for the second decoder: from the spec alone."""

from __future__ import annotations

import hashlib
from itertools import product
from math import isqrt

import numpy as np
from second_container import Array, Header, Sections, check_numbers
from second_decoder import EXP, RangeDecoder, Tensors, half_weights, int_weights

JOINT, PER_PLANE, VALUE = range(3)  # k
SIREN, FINER, GAUSS, WIRE, PE_RELU, PE_GELU = range(6)  # a
NETWORK, TEMPLATE, RAW = range(3)  # n
FIRST = [32764, 32384, 32000, 31232, 29700, 26700, 20900, 11950, 3110, 163, 16, 16, 16, 16, 16, 16]
AROUND = [(0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0)]  # in this plane
ABOVE = [(0, 0), (0, 1), (1, 0)]  # in the plane above


def check_coordinate_header(header: Header) -> None:
    b, a, v = header["b"], header["a"], header.get("v", [0, 0, 0])
    check_numbers([header["k"], header["f"]], 2, 0, 2)
    check_numbers([a], 1, 0, 5)
    check_numbers(header["w"], 2, 1, 1024)
    assert header["w"][1] <= 16, "depth"
    check_numbers(header["g"], 3 if a == WIRE else 1, 0, 12 if a in (PE_RELU, PE_GELU) else 2**20)
    check_numbers(header["n"], b, 0, 0 if header["k"] == VALUE else 2)
    check_numbers([header["t"]], 1, 0, 2**32 - 1)
    check_numbers(v[:3], 3, 0, 65535)
    kind, low, high = v[:3]
    exponent, soft = (13107, 327680), (0, 256 * (high - low))
    wide = (0, 65535 * 2**16), (1, 65535 * 2**16)
    scalars = [(), wide, (exponent,), ((0, 256),), (exponent, soft, soft)][kind]
    assert low <= high, "least and greatest"
    for value, (least, most) in zip(v[3:], scalars, strict=True):
        check_numbers([value], 1, least, most)


def sine_table() -> Array:  # 15.2
    """By halving the angle from half a turn on, then adding angles as POW does, in 192 bits."""
    one = 1 << 192
    turns = [(-one, 0), (0, one)]  # cosine and sine of 1/2, 1/4, ... 2^-16 of a turn
    while len(turns) < 16:
        c, s = turns[-1]
        half = isqrt((one + c) * one // 2)
        turns.append((half, s * one // (2 * half)))
    table = [(one, 0)]
    for rc, rs in reversed(turns):
        table += [((c * rc - s * rs) >> 192, (c * rs + s * rc) >> 192) for c, s in table]
    return np.array([(s + (1 << 175)) >> 176 for _, s in table])


def normal_table() -> Array:
    """By the power series of the integral of exp(-x^2 / 2), in 512 bits."""

    def integral(n: int) -> int:  # from 0 to n / 64
        total, term, k = 0, n << 506, 0
        while term:
            total += (-1) ** k * (term // (2 * k + 1))
            k += 1
            term = term * n * n // (2 * k << 12)
        return total

    half = integral(1024)  # to 16, which lacks less than 2^-180 of that to infinity
    signed = [integral(abs(i)) * (1 if i > 0 else -1) for i in range(-512, 513)]
    return np.array([((half + v) << 20) // (2 * half) for v in signed])


SIN, NORMAL = sine_table(), normal_table()


def sin(p: Array) -> Array:
    return SIN[p % 65536]


def octaves(a: Array, s: int) -> Array:  # OCT
    return (a >> 16) * s >> 6


def bell(o: Array) -> Array:
    t = np.clip(o + 2**17, 0, 22 * 2**16 - 1)
    cell, rest = t >> 6, t & 63
    return (EXP[cell] - ((EXP[cell] - EXP[cell + 1]) * rest >> 6)) >> 4


def activation(z: Array, header: Header) -> Array:
    a, g = header["a"], header["g"]
    if a == PE_RELU:
        return np.clip(z, 0, 2**22)
    if a == PE_GELU:
        z = np.clip(z, -(2**22), 2**22)
        t = np.clip(z, -(2**19), 2**19 - 1)
        cell, rest = t >> 10, t & 1023
        p = NORMAL[cell + 512] + ((NORMAL[cell + 513] - NORMAL[cell + 512]) * rest >> 10)
        return z * p >> 20
    z = np.clip(z, -(2**24), 2**24)
    if a == GAUSS:
        return bell(octaves(z * z, g[0]))
    if a == WIRE:
        re, im = np.split(z, 2)
        m = bell(octaves(re * re + im * im, g[1]) + (im * g[2] >> 6))
        p = re * g[0] >> 16
        return np.vstack([m * sin(p + 2**14) >> 16, m * sin(p) >> 16])
    return sin((z if a == SIREN else (abs(z) + 2**16) * z >> 16) * g[0] >> 16)


def normalise(x: Array) -> Array:
    n, d = len(x), x >> 4
    d = d - d.sum(axis=0) // n
    r = np.array([max(1, isqrt(v)) for v in (d * d).sum(axis=0).tolist()])
    return np.floor(d * isqrt(n << 32) / r).astype(np.int64)  # IEEE


def real_matrix(w: Array, first: bool, last: bool) -> Array:  # of WIRE
    re, im = np.split(w, 2)
    top = np.hstack([re, -im])
    return w if first else top if last else np.vstack([top, np.hstack([im, re])])


def evaluate(network: Tensors, x: Array, header: Header) -> Array:
    """The outputs, (channels, pixels), from inputs alike."""
    a, (_, depth) = header["a"], header["w"]
    for j in range(1, depth + 2):
        x = normalise(x) if a == PE_GELU else x
        w, s = network[f"w{j}"]
        b, sb = network.get(f"b{j}", (np.zeros(1, object), 0))
        w = real_matrix(w, j == 1, j == depth + 1) if a == WIRE else w
        assert sb <= s + 16, "shift of a bias"
        bias = b * 2 ** (s + 16 - sb)
        limit = 2**16 if a <= GAUSS or (j == 1 and a != PE_GELU) else 2**22
        assert np.all(abs(w).sum(axis=1) * limit + abs(bias) < 2**53), "sums"
        x = (w.astype(np.int64) @ x + bias.astype(np.int64)[:, None]) >> s
        x = activation(x, header) if j <= depth else x
    return x


def position(n: int) -> Array:
    return np.arange(n) * 2**17 // (n - 1) - 2**16 if n > 1 else np.zeros(1, np.int64)


def inputs(header: Header, plane: int) -> Array:
    height, width, _ = header["s"]
    coordinates = [v.ravel() for v in np.meshgrid(position(height), position(width), indexing="ij")]
    if header["k"] == JOINT:
        coordinates.append(np.full(height * width, position(header["b"])[plane]))
    rows = []
    for c in coordinates:
        rows.append(c)
        for k in range(header["g"][0] if header["a"] in (PE_RELU, PE_GELU) else 0):
            p = c << k >> 1
            rows += [sin(p), sin(p + 2**14)]
    return np.vstack(rows)


def network_shapes(header: Header) -> dict[str, tuple[int, ...]]:  # 15.1
    (width, depth), wire, gelu = header["w"], header["a"] == WIRE, header["a"] == PE_GELU
    u = max(1, isqrt(width**2 // 2)) if wire else width
    sizes = [len(inputs(header, 0)), *[u] * depth, header["s"][2]]
    shapes: dict[str, tuple[int, ...]] = {}
    for j in range(1, depth + 2):
        cols, rows = sizes[j - 1 : j + 1]
        shapes[f"w{j}"] = (rows * (2 if wire else 1), cols)
        shapes |= {} if gelu else {f"b{j}": (rows * (2 if wire and j <= depth else 1),)}
    return shapes


def template_channel(decoder: RangeDecoder, here: Array, above: Array, before: Array) -> None:
    """Decodes a bit plane into here; all three have two rows and columns more at either end."""
    model = [32768] * 1024
    for y, x in product(range(2, len(here) - 2), range(2, here.shape[1] - 2)):
        seen = [here[y + dy, x + dx] for dy, dx in AROUND]
        seen += [above[y + dy, x + dx] for dy, dx in ABOVE] + [before[y, x]]
        here[y, x] = decoder.adaptive(model, sum(int(bit) << n for n, bit in enumerate(seen)))


def planes_image(decoder: RangeDecoder, networks: list[Tensors], header: Header) -> Array:  # 15.3
    (height, width, channels), b, coded = header["s"], header["b"], header["n"]
    bits = np.zeros((b + 1, channels + 1, height + 4, width + 4), np.int64)  # zeros around
    inside = bits[:b, 1:, 2:-2, 2:-2]
    for plane in range(b - 1, -1, -1):
        if coded[plane] == NETWORK:
            number = coded[:plane].count(NETWORK) if header["k"] == PER_PLANE else 0
            outputs, model = evaluate(networks[number], inputs(header, plane), header), FIRST[:]
            for c, y in enumerate(outputs.tolist()):
                contexts = [min(max(abs(v).bit_length() - 10, 0), 15) for v in y]
                wrong = [decoder.adaptive(model, context) for context in contexts]
                decoded = (np.array(y) > 0) ^ np.array(wrong)
                inside[plane, c] = decoded.reshape(height, width)
        for c in range(channels if coded[plane] == TEMPLATE else 0):
            template_channel(decoder, bits[plane, c + 1], bits[plane + 1, c + 1], bits[plane, c])
        if coded[plane] == RAW:
            raw = [decoder.bit() for _ in range(channels * height * width)]
            inside[plane] = np.array(raw).reshape(channels, height, width)
    return np.moveaxis((inside << np.arange(b)[:, None, None, None]).sum(axis=0), 0, -1)


def log(p: Array) -> Array:  # 15.4; of 1 .. 2^31, as numbers below 2^64 for the squares
    n = np.array([v.bit_length() - 1 for v in p.tolist()], np.uint64)
    x, result = p.astype(np.uint64) << (np.uint64(31) - n), n
    for _ in range(32):
        x = x * x >> np.uint64(31)
        c = x >> np.uint64(32)
        x, result = x >> c, np.uint64(2) * result + c
    return result.astype(np.int64)


def exp(e: Array) -> Array:
    v, r = np.full(e.shape, 2**32, np.uint64), 2**63
    for k in range(31, -1, -1):
        r = isqrt(r << 64)
        factor, half = np.uint64((r + 2**31) >> 32), np.uint64(2**31)
        v = np.where(e >> k & 1, (v * factor + half) >> np.uint64(32), v)
    return v.astype(np.int64) >> np.minimum(e >> 32, 63)


def transform(y: Array, header: Header) -> Array:
    """T(y)."""
    kind, low, high, *scalars = header["v"]
    ys = np.arange(-(2**19), 2**19)  # all of them, as none may be less than one before it
    w = np.clip(ys + 2**16, 0, 2**17)
    if kind == 1:
        big_x = (scalars[0] * 2**16 + scalars[1] * ys) * 2**8
    elif kind == 3:
        (z,), s = (v - 128 for v in scalars), (2 ** header["b"] + 5) // 10
        d = log(np.array(high + s)[None]) - log(np.array(low + s)[None])
        if z == 0:
            e = (2**17 - w) * d >> 17
        else:
            m = 2**17 - w if z > 0 else w
            c = exp(d * abs(z) // 64)
            f = (31 * 2**32 - log((2**49 - m * (2**32 - c)) >> 18)) * 64 // abs(z)
            e = f if z > 0 else np.maximum(d - f, 0)
        big_x = ((high + s) * exp(e) - s * 2**32) * 2**8
    else:
        exponent, left, right = ((scalars or [2**16]) + [0, 0])[:3]
        u = exp((31 * 2**32 - log(np.maximum(w, 1) << 14)) * exponent >> 16)
        u[w == 0] = 0
        big_x = (2**8 * low - left) * 2**32 + (2**8 * (high - low) + left + right) * u
    table = np.clip(np.clip((big_x + 2**39) >> 40, low, high), 0, 2 ** header["b"] - 1)
    return np.maximum.accumulate(table)[np.clip(y, -(2**19), 2**19 - 1) + 2**19]


def value_image(decoder: RangeDecoder, network: Tensors, header: Header) -> Array:
    samples = transform(evaluate(network, inputs(header, 0), header), header)
    for channel in samples:
        model = [32768] * 42
        channel += np.array([decoder.integer(model) for _ in channel])
    assert np.all(samples >> header["b"] == 0), "samples"
    return samples.T.reshape(header["s"])


def mix(sets: list[Tensors], coefficients: list[int]) -> Tensors:  # 15.5
    result: Tensors = {}
    for name in sets[0]:
        shift = max(tensors[name][1] for tensors in sets)
        scaled = [tensors[name][0] * 2 ** (shift - tensors[name][1]) for tensors in sets]
        assert all(np.all(abs(v) < 2**38) for v in scaled), "weights of sets"
        total = sum(v * a for v, a in zip(scaled, coefficients, strict=True))
        result[name] = total // 2**16, shift
    return result


def coordinate_image(sections: Sections, header: Header, index: int) -> tuple[Array, bytes]:  # 15
    """The samples of the image of that index and the digest that they must have."""
    check_coordinate_header(header)
    k, n, data, digest = header["k"], header["n"], sections["D"], header["d"]
    count = n.count(NETWORK) if k == PER_PLANE else min(n.count(NETWORK), 1)
    table = sections.get("A", b"")
    shapes = [network_shapes(header)] * (count * table[0] if table else count)
    payload, f = sections["W"], header["f"]
    networks = half_weights(payload, shapes, f == 2, 24) if f else int_weights(payload, shapes)
    if table:
        size = 20 + 4 * table[0]
        images = [table[at : at + size] for at in range(1, len(table), size)]
        assert (len(table) - 1) % size == 0, "table of images"
        assert max(16 * len(images), 256 * table[0]) <= 4096, "images or sets"
        digests = b"".join(image[:16] for image in images)
        assert hashlib.blake2b(digests, digest_size=16).digest() == digest, "digest of digests"
        ends = np.cumsum([0] + [int.from_bytes(image[16:20], "little") for image in images])
        assert ends[-1] == len(data), "lengths"
        data, digest = data[ends[index] : ends[index + 1]], images[index][:16]
        coefficients = np.frombuffer(images[index][20:], "<i4").tolist()
        check_numbers(coefficients, table[0], -(2**20), 2**20)
        networks = [mix(networks, coefficients)] if networks else []
    decoder = RangeDecoder(data)
    if k == VALUE:
        return value_image(decoder, networks[0], header), digest
    return planes_image(decoder, networks, header), digest
