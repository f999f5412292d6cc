"""Coordinate images, chapter 5 of format_spec.md, for the second decoder: from the spec alone."""

from __future__ import annotations

import hashlib
from itertools import product
from math import isqrt, prod

import numpy as np
from second_coding import EXP, RangeDecoder, Tensors, half_weights, int_weights
from second_container import Array, Fields, Sections, check_keys, check_numbers
from second_steps import Planes
from second_tables import DINER, HASH_GRID, TABLED, position, table_inputs, table_shapes

JOINT, PER_PLANE, VALUE = range(3)  # k
SIREN, FINER, GAUSS, WIRE, PE_RELU, PE_GELU = range(6)  # a, with TABLED
NETWORK, TEMPLATE, RAW = range(3)  # n
FIRST = [32764, 32384, 32000, 31232, 29700, 26700, 20900, 11950, 3110, 163, 16, 16, 16, 16, 16, 16]
AROUND = [(0, -1), (0, -2), (-1, -1), (-1, 0), (-1, 1), (-2, 0)]  # in this plane
ABOVE = [(0, 0), (0, 1), (1, 0)]  # in the plane above


def check_fields(fields: Fields) -> None:
    """Of an image, which are those of the file with size (s) and bits (b) of the planes."""
    b, a, v = fields["b"], fields["a"], fields.get("v", [0, 0, 0])
    assert ("v" in fields) == (fields["k"] == VALUE), "a transform"
    check_numbers([fields["k"], fields["f"]], 2, 0, 2)
    check_numbers([a], 1, 0, 7)
    check_numbers(fields["w"], 2, 1, 1024)
    assert fields["w"][1] <= 16, "depth"
    check_constants(a, fields["g"])
    check_numbers(fields["n"], b, 0, 0 if fields["k"] == VALUE else 2)
    check_numbers([fields["t"]], 1, 0, 2**32 - 1)
    assert type(v) is list, "a transform"
    check_numbers(v[:3], 3, 0, 65535)
    kind, low, high = v[:3]
    exponent, soft = (13107, 327680), (0, 256 * (high - low))
    wide = (0, 65535 * 2**16), (1, 65535 * 2**16)
    scalars = [
        (), wide, (exponent,), ((0, 256),), (exponent, soft, soft),
        (), ((2**12, 2**20),), (), ((0, 2**32 - 1),),
    ][kind]  # fmt: skip
    assert low <= high, "least and greatest"
    for value, (least, most) in zip(v[3:], scalars, strict=True):
        check_numbers([value], 1, least, most)


def check_constants(a: int, g: list[int]) -> None:
    if a == HASH_GRID:
        check_numbers(g, 5, 1, 2**16)
        for value, most in zip(g, (16, 8, 22, g[4], 2**16), strict=True):
            check_numbers([value], 1, 1, most)
    elif a == DINER:
        check_numbers(g, 2, 0, 2**20)
        check_numbers(g[1:], 1, 1, 8)
    else:
        check_numbers(g, 3 if a == WIRE else 1, 0, 12 if a in (PE_RELU, PE_GELU) else 2**20)


def sine_table() -> Array:  # 5.2
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


def activation(z: Array, fields: Fields) -> Array:
    a, g = fields["a"], fields["g"]
    if a in (PE_RELU, HASH_GRID):
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
    return sin((z if a in (SIREN, DINER) else (abs(z) + 2**16) * z >> 16) * g[0] >> 16)


def normalise(x: Array) -> Array:
    n, d = len(x), x >> 4
    d = d - d.sum(axis=0) // n
    r = np.array([max(1, isqrt(v)) for v in (d * d).sum(axis=0).tolist()])
    return np.floor(d * isqrt(n << 32) / r).astype(np.int64)  # IEEE


def real_matrix(w: Array, first: bool, last: bool) -> Array:  # of WIRE
    re, im = np.split(w, 2)
    top = np.hstack([re, -im])
    return w if first else top if last else np.vstack([top, np.hstack([im, re])])


def evaluate(network: Tensors, fields: Fields, plane: int) -> Array:
    """The outputs of a plane, (channels, pixels)."""
    a, (_, depth), x = fields["a"], fields["w"], inputs_of(fields, plane)
    x = table_inputs(network, x, fields, plane) if a in TABLED else x
    for j in range(1, depth + 2):
        x = normalise(x) if a == PE_GELU else x
        w, s = network[f"w{j}"]
        b, sb = network.get(f"b{j}", (np.zeros(1, object), 0))
        w = real_matrix(w, j == 1, j == depth + 1) if a == WIRE else w
        assert sb <= s + 16, "shift of a bias"
        bias = b * 2 ** (s + 16 - sb)
        within = a in (SIREN, FINER, GAUSS, DINER) if j > 1 else a not in (PE_GELU, *TABLED)
        limit = 2**16 if within else 2**22
        assert np.all(abs(w).sum(axis=1) * limit + abs(bias) < 2**53), "sums"
        x = (w.astype(np.int64) @ x + bias.astype(np.int64)[:, None]) >> s
        x = activation(x, fields) if j <= depth else x
    return x


def inputs_of(fields: Fields, plane: int) -> Array:
    height, width, _ = fields["s"]
    coordinates = [v.ravel() for v in np.meshgrid(position(height), position(width), indexing="ij")]
    if fields["k"] == JOINT:
        coordinates.append(np.full(height * width, position(fields["b"])[plane]))
    rows = []
    for c in coordinates:
        rows.append(c)
        for k in range(fields["g"][0] if fields["a"] in (PE_RELU, PE_GELU) else 0):
            p = c << k >> 1
            rows += [sin(p), sin(p + 2**14)]
    return np.vstack(rows)


def network_shapes(fields: Fields) -> dict[str, tuple[int, ...]]:  # 5.1
    (width, depth), wire, gelu = fields["w"], fields["a"] == WIRE, fields["a"] == PE_GELU
    u = isqrt(width**2 // 2) if wire else width
    assert u >= 1, "a layer without units"
    encoded = 2 * fields["g"][0] if fields["a"] in (PE_RELU, PE_GELU) else 0
    inputs, tables = (3 if fields["k"] == JOINT else 2) * (1 + encoded), table_shapes(fields)
    if fields["a"] in TABLED:
        inputs = fields["g"][1] * (fields["g"][0] if fields["a"] == HASH_GRID else 1)
    sizes = [inputs, *[u] * depth, fields["s"][2]]
    shapes: dict[str, tuple[int, ...]] = {**tables}
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


def planes_image(decoder: RangeDecoder, networks: list[Tensors], fields: Fields) -> Array:  # 5.3
    (height, width, channels), b, coded = fields["s"], fields["b"], fields["n"]
    bits = np.zeros((b + 1, channels + 1, height + 4, width + 4), np.int64)  # zeros around
    inside = bits[:b, 1:, 2:-2, 2:-2]
    for plane in range(b - 1, -1, -1):
        if coded[plane] == NETWORK:
            number = coded[:plane].count(NETWORK) if fields["k"] == PER_PLANE else 0
            outputs, model = evaluate(networks[number], fields, plane), FIRST[:]
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


def log(p: Array) -> Array:  # 5.4; of 1 .. 2^31, as numbers below 2^64 for the squares
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


def transform(y: Array, fields: Fields) -> Array:
    """T(y)."""
    kind, low, high, *scalars = fields["v"]
    # All y, as no T may be less than one before it; for most kinds it is the same beyond w's ends.
    end = 2**19 if kind in (1, 6) else 2**16 + 1
    ys = np.arange(-end, end)
    w = np.clip(ys + 2**16, 0, 2**17)
    if kind == 1:
        big_x = (scalars[0] * 2**16 + scalars[1] * ys) * 2**8
    elif kind in (5, 6, 7):
        v = [2**16 * ys, 2**31 + 2**32 * ys // (scalars or [1])[0], 2**31 - 2**15 * ys][kind - 5]
        big_x = 2**40 * low + 2**8 * (high - low) * np.clip(v, 0, 2**32)
    elif kind == 3:
        (z,), s = (v - 128 for v in scalars), (2 ** fields["b"] + 5) // 10
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
        exponent, left, right = (([2**16] if kind in (0, 8) else scalars) + [0, 0])[:3]
        u = exp((31 * 2**32 - log(np.maximum(w, 1) << 14)) * exponent >> 16)
        u[w == 0] = 0
        big_x = (2**8 * low - left) * 2**32 + (2**8 * (high - low) + left + right) * u
    table = np.clip(np.clip((big_x + 2**39) >> 40, low, high), 0, 2 ** fields["b"] - 1)
    table = table if kind == 7 else np.maximum.accumulate(table)
    return table[np.clip(y, -end, end - 1) + end]


def permutation(seed: int, pixels: int) -> list[int]:
    """Of which pixel the network speaks at each."""

    def key(p: int) -> int:
        z = ((seed << 32) + p + 1) * 0x9E3779B97F4A7C15 % 2**64
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    return sorted(range(pixels), key=key)


def value_image(decoder: RangeDecoder, network: Tensors, fields: Fields) -> Array:
    samples = transform(evaluate(network, fields, 0), fields)
    if fields["v"][0] == 8:
        said = samples.copy()
        samples[:, permutation(fields["v"][3], said.shape[1])] = said
    for channel in samples:
        model = [32768] * 42
        channel += np.array([decoder.integer(model) for _ in channel])
    assert np.all(samples >> fields["b"] == 0), "samples"
    return samples.T.reshape(fields["s"])


def mix(sets: list[Tensors], coefficients: list[int]) -> Tensors:  # 5.5
    result: Tensors = {}
    for name in sets[0]:
        shift = max(tensors[name][1] for tensors in sets)
        scaled = [tensors[name][0] * 2 ** (shift - tensors[name][1]) for tensors in sets]
        assert all(np.all(abs(v) < 2**38) for v in scaled), "weights of sets"
        total = sum(v * a for v, a in zip(scaled, coefficients, strict=True))
        result[name] = total // 2**16, shift
    return result


def check_limits(fields: Fields, shapes: list[dict[str, tuple[int, ...]]], data: int) -> None:  # 7
    """Of an image with so many bytes of data; shapes are of all networks of the file."""
    (height, width, channels), b, coded = fields["s"], fields["b"], fields["n"]
    assert height * width * channels * b <= 363409 * (data + 16), "more bits than data can hold"
    numbers = [sum(prod(shape) for shape in of.values()) for of in shapes]
    assert sum(numbers) <= 2**24, "numbers in all networks"
    taken = 0
    if shapes and fields["a"] in TABLED:
        inputs = shapes[0]["w1"][1]
        corners = 2 ** (3 if fields["k"] == JOINT else 2) if fields["a"] == HASH_GRID else 1
        taken = 32 * inputs * corners - sum(prod(shape) for shape in table_shapes(fields).values())
    work = height * width * coded.count(NETWORK) * (max(numbers, default=0) + taken)
    assert work <= 2**44, "multiply-adds"


def read_images(table: bytes, digest: bytes, data: bytes) -> list[tuple[bytes, bytes, list[int]]]:
    """Of each image its digest, its part of the data and its coefficients."""  # 5.5
    assert table, "no images"
    sets, size = table[0], 20 + 4 * table[0]
    rows = [table[at : at + size] for at in range(1, len(table), size)]
    assert 1 <= sets <= 16, "number of sets"
    assert 1 <= len(rows) <= 256, "number of images"
    assert len(rows[-1]) == size, "table of images"
    digests = b"".join(row[:16] for row in rows)
    assert hashlib.blake2b(digests, digest_size=16).digest() == digest, "digest of digests"
    lengths = [int.from_bytes(row[16:20], "little") for row in rows]
    check_numbers(lengths, len(rows), 0, 2**31 - 1)
    assert sum(lengths) == len(data), "lengths"
    images, at = [], 0
    for row, length in zip(rows, lengths, strict=True):
        coefficients = np.frombuffer(row[20:], "<i4").tolist()
        check_numbers(coefficients, sets, -(2**20), 2**20)
        images.append((row[:16], data[at : at + length], coefficients))
        at += length
    return images


def coordinate_image(
    sections: Sections, fields: Fields, planes: Planes, digest: bytes, index: int
) -> tuple[Array, bytes]:  # 5
    """The samples of the image of that index and the digest that they must have."""
    check_keys(fields, "kawgnft" + "v" * ("v" in fields), "", "fields of a coordinate image")
    fields = fields | {
        "s": [planes.height, planes.width, planes.channels],
        "b": planes.array_bits,
    }
    check_fields(fields)
    (payload,), (data,), k, f = sections["W"], sections["D"], fields["k"], fields["f"]
    images, count = [(digest, data, [])], fields["n"].count(NETWORK)
    count = count if k == PER_PLANE else min(count, 1)
    if "A" in sections:
        assert k == JOINT, "sets of networks that are not joint"
        images = read_images(sections["A"][0], digest, data)
        count *= len(images[0][2])
    shapes = [network_shapes(fields)] * count
    for _, part, _ in images:
        check_limits(fields, shapes, len(part))
    networks = half_weights(payload, shapes, f == 2, 24) if f else int_weights(payload, shapes)
    digest, data, coefficients = images[index]
    if coefficients and networks:
        networks = [mix(networks, coefficients)]
    decoder = RangeDecoder(data)
    if k == VALUE:
        return value_image(decoder, networks[0], fields), digest
    return planes_image(decoder, networks, fields), digest
