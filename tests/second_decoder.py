"""A second decoder of .linr images, written from format_spec.md alone, to be read beside it.

It is the specification's test, in plain integers, and shares its names and section numbers but no
code with inrcodec. This is sections 3 to 12; second_container.py has what is around the samples,
second_coordinate.py coordinate images. What a reader refuses (sections 13 and 14) it refuses by
AssertionError or what Python raises by itself, but for most of the limits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from itertools import accumulate, product
from math import isqrt, prod
from pathlib import Path

import numpy as np
import zstandard
from second_container import (
    PRIORS,
    Array,
    Header,
    Sections,
    check_samples,
    inflate,
    read_colours,
    read_header,
    read_pixel_type,
    read_sections,
)

Grid = tuple[Array, Array]  # rows and columns
Shapes = dict[str, tuple[int, ...]]
Tensors = dict[str, tuple[Array, int]]  # v and s; v of Python integers, which do not overflow


def stored_image(sections: Sections, header: Header, depth: int) -> Array:  # 3
    method, stream, packed = sections["D"][0], sections["D"][1:], depth < 8
    (height, width, channels), size = header["s"], header["b"] // 8
    step, length = channels * size, -(-width * channels * depth // 8)
    if method == 1:
        data = inflate(stream, height * (1 + length))
    else:
        unzstd = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
        data = unzstd.decompress(stream)
        assert (method, unzstd.eof, unzstd.unused_data) == (0, True, b""), "Zstandard frame"
    rows = [bytearray(length)]
    for f, *row in np.frombuffer(data, np.uint8).reshape(height, 1 + length).tolist():
        for x, b in enumerate(rows[-1]):
            a, c = (row[x - step], rows[-1][x - step]) if x >= step else (0, 0)
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            row[x] = (row[x] + (0, a, b, (a + b) // 2, nearest)[f]) % 256
        rows.append(bytearray(row))
    if packed:
        bits = np.unpackbits(np.array(rows[1:], np.uint8), axis=1)[:, : width * depth]
        return (bits.reshape(height, width, 1, depth) << np.arange(depth)[::-1]).sum(axis=-1)
    return np.frombuffer(b"".join(rows[1:]), f">u{size}").reshape(header["s"])


def pow_table(n: int) -> list[int]:  # 5
    r = list(accumulate(range(n), lambda r, _: isqrt(r * 2**64), initial=2**63))
    table = [2**64]
    for i in range(n, 0, -1):
        table += [(v * r[i]) >> 64 for v in table]
    return table


def log_entry(n: int) -> int:
    y = n.bit_length() - 1
    x = n << (31 - y)
    for _ in range(10):
        x = (x * x) >> 31
        x, y = x >> (x >> 32), 2 * y + (x >> 32)
    return y


POW6, POW10 = pow_table(6), pow_table(10)
CDF_Q = [POW6[abs(i) % 64] >> (abs(i) // 64) for i in range(-1024, 1025)]
CDF = np.array([(q if n < 1024 else 2**64) * 2**20 // (2**64 + q) for n, q in enumerate(CDF_Q)])
EXP = np.array([POW10[j % 1024] >> (42 + j // 1024) for j in range(22529)])
LOG = np.array([0] + [log_entry(n) for n in range(1, 65537)])
LOGIT = LOG[:65536] - LOG[65536:0:-1]  # entry 0 is not used


def logistic(z: Array, f: int) -> Array:
    z = np.clip(z, -16 << f, (16 << f) - 1)
    cell = z >> (f - 6)
    rest = z - (cell << (f - 6))
    return CDF[cell + 1024] + (((CDF[cell + 1025] - CDF[cell + 1024]) * rest) >> (f - 6))


class RangeDecoder:  # 6
    def __init__(self, stream: bytes) -> None:
        self.stream, self.at, self.range = stream, 7, 2**56 - 1
        self.code = int.from_bytes(stream[:7].ljust(7, b"\0"), "big")

    def bit(self, p: int = 32768) -> int:
        bound = (self.range >> 16) * p
        bit = int(self.code < bound)
        self.range = bound if bit else self.range - bound
        self.code -= 0 if bit else bound
        while self.range < 2**48:
            byte = self.stream[self.at] if self.at < len(self.stream) else 0
            self.range, self.code, self.at = self.range * 256, self.code * 256 + byte, self.at + 1
        return bit

    def bits(self, count: int) -> int:
        return sum(self.bit() << b for b in range(count - 1, -1, -1))

    def adaptive(self, model: list[int], c: int) -> int:
        bit = self.bit(model[c])
        model[c] += (65536 - model[c]) >> 4 if bit else -(model[c] >> 4)
        return bit

    def integer(self, model: list[int]) -> int:
        if not self.adaptive(model, 0):
            return 0
        sign, e, m = 1 - 2 * self.bit(), 0, 1
        while e < 20 and self.adaptive(model, 1 + e):
            e += 1
        for b in range(e - 1, -1, -1):
            m = 2 * m + (self.adaptive(model, 21 + e) if b == e - 1 else self.bit())
        return sign * m


def network_shapes(counts: list[int], header: Header, rank: int) -> list[Shapes]:  # 7
    """Of trunk A, trunk B and plane for each number of references, as stored."""
    networks, (trunk_w, plane_w) = [], header["w"]
    for r, kind in product(counts, ("trunk A", "trunk B", "plane")):
        i, w, o = (23 + 13 * r if r else 21) + (11 + 4 * r if header["q"] > 1 else 0), trunk_w, 9
        i, w, o = (2 + 2 * (1 + r), plane_w, 1) if kind == "plane" else (i, w, o)
        shapes: Shapes = {}
        for n, (rows, cols) in enumerate(((w, i), (w, w), (o, w)), 1):
            low_rank = n < 3 and 0 < rank * (rows + cols) < rows * cols
            parts = {f"u{n}": (rows, rank), f"v{n}": (rank, cols)} if low_rank else {}
            shapes |= (parts or {f"w{n}": (rows, cols)}) | {f"b{n}": (rows,)}
        networks.append(shapes | {"bypass": (i,)})
    return networks


def int_weights(payload: bytes, networks: list[Shapes]) -> list[Tensors]:
    decoder, weights = RangeDecoder(payload), list[Tensors]()
    models = {name: [32768] * 42 for shapes in networks for name in shapes}
    shifts = [[decoder.bits(5) for _ in shapes] for shapes in networks]
    for shapes, shift in zip(networks, shifts, strict=True):
        weights.append({})
        for (name, shape), s in zip(shapes.items(), shift, strict=True):
            v = [decoder.integer(models[name]) for _ in range(prod(shape))]
            weights[-1][name] = np.array(v, object).reshape(shape), s
    return weights


def half_weights(
    payload: bytes, networks: list[Shapes], ternary: bool, bias_shift: int = 10
) -> list[Tensors]:
    stream = BytesIO(payload)

    def halves(*shape: int) -> Array:  # times 2^24
        bits = np.frombuffer(stream.read(2 * prod(shape)), "<u2").reshape(shape).astype(np.int64)
        exponent, fraction = bits >> 10 & 31, bits & 1023
        assert np.all(exponent < 31), "finite"
        size = np.where(exponent, (fraction + 1024) << np.maximum(exponent - 1, 0), fraction)
        return np.where(bits >> 15, -size, size).astype(object)

    def tensor(name: str, shape: tuple[int, ...]) -> tuple[Array, int]:
        if name[0] == "b" and name != "bypass":
            drop = 24 - bias_shift
            return (halves(*shape) + 2**drop // 2) >> drop, bias_shift
        if name == "bypass" or not ternary:
            return halves(*shape), 24
        scale, packed = halves(shape[0], 1), stream.read(-(-prod(shape) // 5))
        assert max(packed) <= 242, "trits"
        trits = [byte // 3**n % 3 - 1 for byte in packed for n in range(5)]
        return np.array(trits[: prod(shape)], object).reshape(shape) * scale, 24

    weights = [{name: tensor(name, shape) for name, shape in of.items()} for of in networks]
    assert stream.tell() == len(payload), "weights left over"
    return weights


def add_change(start: Tensors, change: Tensors) -> Tensors:
    result: Tensors = {}
    for name, (v0, s0) in start.items():
        if name not in change:
            (u, su), (v, sv) = change["u" + name[1]], change["v" + name[1]]
            change[name] = u @ v, su + sv
            assert su + sv <= 31, "shift of a change"
        v, s = change[name]
        result[name] = v0 * 2 ** max(s - s0, 0) + v * 2 ** max(s0 - s, 0), max(s0, s)
    return result


@cache
def prior(q: int) -> list[Tensors]:
    data = (Path(__file__).resolve().parents[1] / f"inrcodec/context/prior{q}.bin").read_bytes()
    width, digest = PRIORS[q]
    assert hashlib.blake2b(data, digest_size=16).hexdigest() == digest, "prior"
    return int_weights(data, network_shapes([0, 1, 2, 0, 1, 2], {"q": q, "w": [width, 16]}, 0))


def read_weights(payload: bytes | None, counts: list[int], header: Header) -> list[Tensors]:
    """Three networks for each channel with planes, whose numbers of references are counts."""
    q, f, networks = header["q"], header["f"], network_shapes(counts, header, header["r"])
    if not q and payload is not None:
        return half_weights(payload, networks, f == 2) if f else int_weights(payload, networks)
    start = [network for r in counts for network in prior(q)[9 * header["c"] + 3 * r :][:3]]
    if payload is None:
        return start
    return [add_change(*pair) for pair in zip(start, int_weights(payload, networks), strict=True)]


def exact_product(w: Array, x: Array) -> Array:
    """w x, whose sums float64 holds exactly as they are checked to stay below 2^53."""
    return (w.astype(np.float64) @ x.astype(np.float64)).astype(np.int64)


def evaluate(network: Tensors, x: Array) -> Array:  # 8; (number, pixels) each
    y = x
    for n, limit, extra in ((1, 2**17, 4), (2, 2**20, 0), (3, 2**20, 0)):
        (w, s), (b, sb) = network[f"w{n}"], network[f"b{n}"]
        assert sb <= 10, "shift of a bias"
        bias = b * 2 ** (10 - sb + s + extra)
        assert np.all(abs(w).sum(axis=1) * limit + abs(bias) < 2**53), "sums"
        y = (exact_product(w, y) + bias.astype(np.int64)[:, None]) >> (s + extra)
        y = np.clip(y, 0, 2**20) if n < 3 else y
    bypass, s = network["bypass"]
    assert abs(bypass).sum() * 2**17 < 2**53, "sums"
    y[:3] += exact_product(bypass, x) >> s  # the plane network's only one as well
    return y


def offsets(*sizes: tuple[int, int]) -> list[tuple[int, int]]:  # 10
    """Those of absolute values as in sizes, either way round, dy-major ascending."""
    square = product(range(-5, 6), repeat=2)
    return [(dy, dx) for dy, dx in square if tuple(sorted((abs(dy), abs(dx)))) in sizes]


NEAR = {"A": offsets((1, 1)), "B": offsets((0, 1))}
FAR = {"A": offsets((1, 3), (3, 3)) + offsets((1, 5))}
FAR["B"] = offsets((1, 2)) + offsets((0, 3)) + offsets((2, 3))
RING = offsets((0, 1), (1, 1)) + offsets((0, 2))
AROUND = {"A": offsets((0, 2)), "B": offsets((1, 1))}  # what a point's error is taken against


def reflect(c: Array, n: int) -> Array:
    c = c % max(2 * (n - 1), 1)
    return np.where(c > n - 1, 2 * (n - 1) - c, c)


def around(lattice: Array, grid: Grid, at: list[tuple[int, int]]) -> Array:
    """The values at the offsets from the grid of rows times columns, (offsets, grid)."""
    (height, width), (rows, cols), (dy, dx) = lattice.shape, grid, np.array(at).T[:, :, None]
    y, x = reflect(rows + dy, height), reflect(cols + dx, width)
    return lattice[y[:, :, None], x[:, None, :]].reshape(len(at), -1)


def window(lattice: Array, grid: Grid, h: int, step: str) -> Array:  # sum over W(h)
    square, odd = product(range(-h, h + 1), repeat=2), 2 if step == "A" else 1
    at = [(dy, dx) for dy, dx in square if dy % 2 + dx % 2 == odd]
    return around(lattice, grid, at).sum(axis=0)


def errors(lattice: Array, step: str) -> Array:
    everywhere = np.arange(lattice.shape[0]), np.arange(lattice.shape[1])
    total = around(lattice, everywhere, AROUND[step]).sum(axis=0)
    return 4 * lattice - total.reshape(lattice.shape)


def act(a: Array) -> Array:
    return LOG[np.clip(a + 16, 16, 65535)]


def trunk_inputs(
    own: Array, refs: list[Array], grid: Grid, step: str, level: int, planes: int, header: Header
) -> tuple[Array, Array]:
    """The inputs, (number, pixels), and base."""
    e, wide, (height, width, _) = header["e"], header["q"] > 1, header["s"]
    near = around(own, grid, NEAR[step])
    far = around(own, grid, FAR[step][: 20 if wide else 12])
    here = [around(ref, grid, [(0, 0)])[0] for ref in refs]
    rings = [around(ref, grid, RING) - ref_00 for ref, ref_00 in zip(refs, here, strict=True)]
    base = total = near.sum(axis=0)
    if refs:
        d = near - around(refs[0], grid, NEAR[step])
        middle = 2 * (d.sum(axis=0) - d.max(axis=0) - d.min(axis=0))
        base, other = 4 * here[0] + middle, total
        base, other = (other, base) if header["c"] else (base, other)
    inputs = [(other - base) * 256 >> e] if refs else []
    inputs += [(4 * near - base) * 256 >> e, (4 * far - base) * 256 >> e]
    inputs += [ring * 1024 >> e for ring in rings]
    inputs += [act(4 * abs(4 * near - total).sum(axis=0) >> e)]
    inputs += [act(4 * abs(4 * d - middle).sum(axis=0) >> e)] if refs else []
    inputs += [act(8 * abs(ring[:8]).sum(axis=0) >> e) for ring in rings]
    y, x = (v.ravel() << level for v in np.meshgrid(*grid, indexing="ij"))
    inputs += [(base * 16384 >> planes) - 32768]
    inputs += [32768 * y // height - 16384, 32768 * x // width - 16384, 0 * y + 1024 * level]
    if wide:
        m4 = {2: 32, 4: 8, 8: 2} if step == "A" else {2: 8, 4: 4, 8: 1}  # 4 m_h
        error, ridge = errors(own, step), (128 if step == "A" else 256) * 4**e
        inputs += [act(m4[h] * window(abs(error), grid, h, step) >> (2 + e)) for h in m4]
        for ref, ref_00 in zip(refs, here, strict=True):
            error_ref = errors(ref, step)
            change = abs(error - error_ref)
            inputs += [act(m4[h] * window(change, grid, h, step) >> (2 + e)) for h in m4]
            above = (window(error * error_ref, grid, 4, step) + ridge) * 1024
            below = window(error_ref * error_ref, grid, 4, step) + ridge
            slope = np.clip(np.floor(above / below), -4096, 4096).astype(np.int64)  # IEEE
            error_j = 4 * ref_00 - around(ref, grid, NEAR[step]).sum(axis=0)
            inputs += [(total + (slope * error_j >> 10) - base) * 256 >> e]
    return np.clip(np.vstack(inputs), -(2**17), 2**17), base


def big_f(m: Array, y: Array, base: Array, e: int, planes: int) -> Array:  # 11, F(m)
    mean = np.clip(y[0:3], -(2**26), 2**26) + base * 2 ** (8 - e)
    rate = EXP[np.clip(y[3:6], -6144, 10240) + 6144]
    l_i = np.clip(y[6:9], -16384, 16384)
    weight = EXP[np.minimum(l_i.max(axis=0) - l_i, 14336) + 8192]
    total = weight.sum(axis=0)
    floor1 = total * 2**6 >> planes
    parts = weight * logistic(((2 * m - 1) * 2 ** (9 - e) - mean) * rate, 26)
    below = np.where(m == 2**planes, total * 2**20, parts.sum(axis=0))
    return np.where(m == 0, 0, floor1 * m + below)


def source_keys(own: Array, refs: list[Array]) -> list[Array]:  # 12
    """For each source the values, in 17 bits below those of the references that must agree."""
    groups = accumulate(refs, lambda group, ref: (group + ref) << 17, initial=np.zeros_like(own))
    return [group + own for group in groups]


def plane_inputs(p: Array, k: int, evidence: list[Array], lows: list[Array]) -> Array:
    inputs = [LOGIT[p], np.full(p.size, 1024 * k)]
    for keys, low in zip(evidence, lows, strict=True):
        lo, mid, hi = (np.searchsorted(keys, low + n * 2**k) for n in range(3))
        inputs.append(LOGIT[np.clip((8 * (hi - mid) + 1) * 65536 // (8 * (hi - lo) + 2), 1, 65535)])
        inputs.append(LOG[np.minimum(hi - lo + 1, 65536)])
    return np.vstack(inputs)


def segments(size: tuple[int, ...], step: str) -> Iterator[Grid]:  # 9
    for row, col in [(1, 1)] if step == "A" else [(0, 1), (1, 0)]:
        rows, cols = np.arange(row, size[0], 2), np.arange(col, size[1], 2)
        length = max(1, 2**18 // max(1, cols.size))
        for start in range(0, rows.size if cols.size else 0, length):
            yield rows[start : start + length], cols


def decode_channel(
    decoder: RangeDecoder, refs: list[Array], planes: int, networks: list[Tensors], header: Header
) -> Array:  # 4
    channel = np.zeros(header["s"][:2], np.int64)
    channel[0, 0] = decoder.bits(planes)
    levels = range((max(channel.shape) - 1).bit_length() - 1, -1, -1)
    for level, (step, trunk) in product(levels, (("A", networks[0]), ("B", networks[1]))):
        own, *level_refs = (v[:: 2**level, :: 2**level] for v in (channel, *refs))
        before, known = own.copy(), np.zeros(own.shape, bool)
        known[::2, ::2], known[1::2, 1::2] = True, step == "B"
        seen = before[known], [ref[known] for ref in level_refs]
        evidence = [np.sort(keys) for keys in source_keys(*seen)]
        for grid in segments(own.shape, step):
            x, base = trunk_inputs(before, level_refs, grid, step, level, planes, header)
            y, e, lo = evaluate(trunk, x), header["e"], np.zeros_like(base)
            here = [around(ref, grid, [(0, 0)])[0] for ref in level_refs]
            for k in range(planes - 1, -1, -1):
                f_lo, f_mid, f_hi = (big_f(lo + n * 2**k, y, base, e, planes) for n in range(3))
                p = np.clip((f_hi - f_mid) * 65536 // (f_hi - f_lo), 1, 65535)
                unsure = (p >= 8) & (p <= 65528)
                lows = [keys[unsure] for keys in source_keys(lo, here)]
                y_plane = evaluate(networks[2], plane_inputs(p[unsure], k, evidence, lows))
                p[unsure] = np.clip(logistic(y_plane[0], 10) >> 4, 1, 65535)
                lo += np.array([decoder.bit(v) for v in p.tolist()]) << k
            own[np.ix_(*grid)] = lo.reshape(-1, grid[1].size)
    return channel


def context_image(sections: Sections, header: Header) -> Array:  # 4
    (height, width, channels), b = header["s"], header["b"]
    counts = [0 if c % 2 and c == channels - 1 else n for n, c in enumerate(header["o"])]
    coded = [r for r, planes in zip(counts, header["p"], strict=True) if planes]
    weights = read_weights(sections.get("W"), coded, header)
    decoder, values = RangeDecoder(sections["D"]), np.zeros((channels, height, width), np.int64)
    samples = np.zeros((height, width, channels), np.int64)
    for n, (c, r, planes) in enumerate(zip(header["o"], counts, header["p"], strict=True)):
        if planes:
            refs, networks, weights = [*values[:r][::-1]], weights[:3], weights[3:]
            values[n] = decode_channel(decoder, refs, planes, networks, header)
        samples[..., c] = values[n] + header["l"][n]
    assert samples.max() < 2**b, "samples"
    if header["c"]:
        y, u, v = (samples[..., c] - shift for c, shift in enumerate((0, 128, 128)))
        samples[..., 0] = y + ((91881 * v + 32768) >> 16)
        samples[..., 1] = y + ((-22554 * u - 46802 * v + 32768) >> 16)
        samples[..., 2] = y + ((116130 * u + 32768) >> 16)
        samples = np.clip(samples, 0, 255)
    if "X" in sections:
        records = np.frombuffer(sections["X"], np.dtype([("at", "<u4"), ("rgb", "u1", 3)]))
        assert records.size, "no exceptions"
        assert np.all(np.diff(records["at"].astype(np.int64)) > 0), "exceptions ascend"
        samples.reshape(-1, channels)[records["at"], :3] = records["rgb"]
    if "V" in sections:
        remapped = [c for c in range(8) if sections["V"][0] >> c & 1]
        assert 0 <= max(remapped) < channels, "remapped channels"
        table = np.frombuffer(inflate(sections["V"][1:], channels * 2**b // 8), np.uint8)
        for c, row in zip(remapped, table.reshape(-1, 2**b // 8), strict=True):
            in_use = np.flatnonzero(np.unpackbits(row, bitorder="little"))
            samples[..., c] = in_use[samples[..., c]]
    return samples


def decode(data: bytes, index: int = 0) -> tuple[Array, Header]:
    """The samples (height, width, channels) of a file's image, uint8 or uint16, and their type."""
    sections = read_sections(data)
    header, coded = read_header(sections)
    pixel, colours = read_pixel_type(sections, header), read_colours(sections, header)
    digest = header["d"]
    planes = sum(coded["p"]) if header["m"] == 1 else coded["s"][2] * coded["b"]
    bits = prod(coded["s"][:2]) * planes if header["m"] else 0
    assert bits <= 363409 * (len(sections["D"]) + 16), "more bits than the data can hold"
    if header["m"] == 0:
        depth = pixel.get("d", header["b"])
        if colours is not None:
            depth = next(t for t in (1, 2, 4, 8) if len(colours) <= 2**t)
        samples = stored_image(sections, coded, depth)
    elif header["m"] == 1:
        samples = context_image(sections, coded)
    else:
        from second_coordinate import coordinate_image  # which imports this module

        samples, digest = coordinate_image(sections, coded, index)
    if colours is not None:
        samples = colours[samples[..., 0]]
    image = samples.astype(f"<u{header['b'] // 8}")
    assert hashlib.blake2b(image.tobytes(), digest_size=16).digest() == digest, "digest"
    check_samples(image, pixel)
    return image, pixel
