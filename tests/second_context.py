"""Context images, chapter 4 of format_spec.md, for the second decoder: from the page alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from second_coding import RangeDecoder, clip, log2, logistic
from second_container import Array, Fields, check_keys, check_numbers, leb128, read_map
from second_inputs import Points, View
from second_networks import Mixture, Network, check_work, evaluate, read_networks, widths_of
from second_steps import WHOLE, Lattice, Planes

LENGTH = re.compile(rb"[\x80-\xff]{0,7}[\0-\x7f]")


def check_fields(fields: Fields, planes: Planes, weights: bool) -> None:  # 4.1
    channels, b = planes.channels, planes.array_bits
    if "g" in fields:
        assert not weights, "shared networks have their weights"
        check_keys(fields, "olpeng", "b", "fields of a context image")
        check_numbers([fields["g"]], 1, 0, 255)
        distances = fields.get("b", [1])
        check_numbers(distances, 1 + (len(distances) > 1), -(2**20), 2**20)
        assert 0 not in distances, "a frame that sees itself"
    else:
        check_keys(fields, "olpen" + model_keys(fields, weights), "", "fields of a context image")
        check_models(fields)
    check_numbers(fields["o"], channels, 0, channels - 1)
    assert len(set(fields["o"])) == channels, "a permutation"
    assert not planes.alpha or fields["o"][-1] == channels - 1, "alpha comes last"
    whole = set(planes.lattices) == {WHOLE}
    assert whole or fields["o"][0] == 0, "channel 0 comes first"
    check_numbers(fields["l"], channels, 0, 2**b - 1)
    check_numbers(fields["p"], channels, 0, b)
    check_numbers([fields["e"]], 1, 0, 8)
    check_numbers([fields["n"]], 1, 1, 4)


def model_keys(fields: Fields, weights: bool) -> str:
    keys = "fw" if "q" not in fields else "fqr" if weights else "fq"
    return keys + ("w" if isinstance(fields.get("q"), bytes) else "")


def check_models(fields: Fields) -> None:
    q = fields.get("q", 1)
    check_numbers([fields["f"]], 1, 0, 0 if "q" in fields else 2)
    check_numbers(fields.get("w", [1, 1]), 2, 1, 64)
    if isinstance(q, bytes):
        assert len(q) == 16, "a digest"
    else:
        check_numbers([q], 1, 1, 2)
    check_numbers([fields.get("r", 1)], 1, 1, 32)


def shared_set(payload: bytes) -> tuple[Fields, bytes | None]:  # 4.11
    """The fields and the weights of a section N."""
    length = LENGTH.match(payload)
    assert length, "length of the fields"
    end = length.end() + leb128(length[0])
    assert leb128(length[0]) <= 256, "length of the fields"
    assert end <= len(payload), "shared networks that end early"
    fields, weights = read_map(payload[length.end() : end], 256), payload[end:] or None
    check_keys(fields, "cayb" + model_keys(fields, bool(weights)), "", "fields of shared networks")
    check_models(fields)
    for key, low, high in (("c", 1, 4), ("a", 0, 1), ("y", 0, 2), ("b", 0, 2)):
        check_numbers([fields[key]], 1, low, high)
    assert fields["c"] - fields["a"] in ([1, 3] if not fields["y"] else [3]), "channels"
    assert weights or "q" in fields, "shared networks without weights"
    return fields, weights


def read_streams(payload: bytes) -> list[RangeDecoder]:  # 4.2
    assert payload, "a section without streams"
    count, at, ends = payload[0], 1, [0]
    assert 1 <= count <= 64, "number of streams"
    for _ in range(count - 1):
        length = LENGTH.match(payload, at)
        assert length, "length of a stream"
        at, ends = length.end(), ends + [ends[-1] + leb128(length[0])]
    assert at + ends[-1] <= len(payload), "streams beyond the section"
    bounds = zip(ends, [*ends[1:], len(payload)], strict=True)
    return [RangeDecoder(payload[at + start : at + end]) for start, end in bounds]


def units(size: tuple[int, int], step: str, streams: int) -> Iterator[tuple[int, Points]]:  # 4.3
    """Of all grids of the step: which stream and which points of the lattice."""
    for row, col in [(1, 1)] if step == "A" else [(0, 1), (1, 0)]:
        rows, cols = np.arange(row, size[0], 2), np.arange(col, size[1], 2)
        if rows.size == 0 or cols.size == 0:
            continue
        group, piece = (1024 // cols.size, cols.size) if cols.size <= 1024 else (1, 1024)
        for s in range(streams):
            band = rows[s * rows.size // streams : (s + 1) * rows.size // streams]
            for i in range(0, band.size, group):
                for j in range(0, cols.size, piece):
                    grid = np.meshgrid(band[i : i + group], cols[j : j + piece], indexing="ij")
                    yield s, (grid[0].ravel(), grid[1].ravel())


def source_keys(own: Array, refs: list[Array]) -> list[Array]:  # 4.9
    """For each source the values, in 17 bits below those of the references that must agree."""
    groups = accumulate(refs, lambda group, ref: (group + ref) << 17, initial=np.zeros_like(own))
    return [group + own for group in groups]


def plane_inputs(logit: Array, k: int, evidence: list[Array], lows: list[Array]) -> Array:
    sources = [
        [np.searchsorted(keys, low + n * 2**k) for n in range(3)]
        for keys, low in zip(evidence, lows, strict=True)
    ]
    lo, mid, hi = np.array(sources).swapaxes(0, 1)
    ones, zeros = np.minimum(hi - mid, 2**27 - 1), np.minimum(mid - lo, 2**27 - 1)
    odds = clip(log2(8 * ones + 1) - log2(8 * zeros + 1), -16384, 16384)
    amount = np.minimum(log2(ones + zeros + 1), 16384)
    both = np.stack([odds, amount], axis=1).reshape(2 * len(sources), logit.size)
    return np.vstack([logit, np.full(logit.size, 1024 * k), both])


def decode_step(view: View, networks: list[Network], streams: list[RangeDecoder]) -> None:
    """Puts the step's values into view.own, which the step itself sees as it was before."""
    before = replace(view, own=view.own.copy())
    known = np.zeros(view.own.shape, bool)
    known[::2, ::2], known[1::2, 1::2] = True, view.step == "B"
    seen = source_keys(before.own[known], [ref[known] for ref in view.refs])
    evidence = [np.sort(keys) for keys in seen]
    trunk = networks["AB".index(view.step)]
    for stream, points in units(view.own.shape, view.step, len(streams)):
        x, base = before.inputs(points)
        mixture = Mixture(evaluate(trunk, x), base, view.exponent, view.planes)
        here = [ref[points] for ref in view.refs]
        lo = np.zeros_like(base)
        f_lo, f_hi = mixture.big_f(lo), mixture.big_f(lo + 2**view.planes)
        for k in range(view.planes - 1, -1, -1):
            f_mid = mixture.big_f(lo + 2**k)
            g = log2(f_hi - f_mid) - log2(f_mid - f_lo)  # the mixture's logit
            unsure = abs(g) <= 13312
            lows = [keys[unsure] for keys in source_keys(lo, here)]
            g[unsure] = evaluate(networks[2], plane_inputs(g[unsure], k, evidence, lows))[0]
            p = clip(logistic(64 * clip(g, -16384, 16383)) >> 3, 1, 65535)
            bits = np.array([streams[stream].bit(v) for v in p.tolist()])
            lo += bits << k
            f_lo, f_hi = np.where(bits, [f_mid, f_hi], [f_lo, f_mid])
        view.own[points] = lo


PARTS = [(0, 0), (0, 1), (1, 0), (1, 1)]  # of Y, beside each other


@dataclass
class Channel:
    """values: those that are known, and zeros; level: the last one that was coded."""

    lattice: Lattice
    values: Array
    planes: int
    level: int

    def known(self, level: int) -> Array:
        return self.values[:: 2**level, :: 2**level]


def beside(of: Channel, luma: Channel, a: int, b: int) -> Array:  # 4.4
    """What a fine channel sees of Y."""
    known, places = luma.known(of.level), []
    directions = zip(of.known(of.level).shape, of.lattice.directions, (a, b), strict=True)
    for axis, (count, (step, phase), odd) in enumerate(directions):
        place = ((2 * np.arange(count) + odd) * 2**of.level * step // 2 - phase) // 2**of.level
        places.append(np.clip(place, 0, known.shape[axis] - 1))
    return known[np.ix_(*places)]


def context_image(
    payloads: list[bytes],
    weights: bytes | None,
    fields: Fields,
    planes: Planes,
    least_level: int,
    sets: Sequence[bytes] = (),
    frames: Sequence[list[Array]] = (),
) -> list[Array]:
    """The samples of each channel, at 1/2^least_level of the image's size; sets: the sections N of
    the file, frames: the samples of those that are seen, of each channel, at that size."""
    check_fields(fields, planes, weights is not None)
    t = len(fields.get("b", []))
    assert t == len(frames), "frames"
    n, order = fields["n"], fields["o"]
    assert len(payloads) <= n, "more data than there is"
    channels = [
        Channel(planes.lattices[c], np.zeros(size, np.int64), p, (max(size) - 1).bit_length())
        for c, p in zip(order, fields["p"], strict=True)
        for size in [planes.size(c)]
    ]
    sizes = [channel.known(least_level).shape for channel in channels]
    bits = sum(h * w * p for (h, w), p in zip(sizes, fields["p"], strict=True))
    most = 363409 * (sum(map(len, payloads)) + 16)
    assert bits <= most, "more bits than the data can hold"
    colours = len(channels) - planes.alpha
    counts = [i if c < colours else 0 for i, c in enumerate(order)]
    coded = [i for i, p in enumerate(fields["p"]) if p]
    all_counts = [
        (r, r > 0 and channel.lattice != WHOLE, t)
        for r, channel in zip(counts, channels, strict=True)
    ]
    kind = 0 if planes.kind != "YCC" else 1 if set(planes.lattices) == {WHOLE} else 2
    models, having = fields, coded
    if "g" in fields:
        assert fields["g"] < len(sets), "number of the shared networks"
        models, weights = shared_set(sets[fields["g"]])
        want = [len(channels), int(planes.alpha), kind, t]
        assert [models[key] for key in "cayb"] == want, "shared networks of other images"
        having = list(range(len(channels)))
    networks = read_networks(weights, [all_counts[i] for i in having], models, kind)
    networks_of = dict(zip(having, networks, strict=True))
    check_work(
        [all_counts[i] for i in coded],
        widths_of(models),
        [fields["p"][i] for i in coded],
        [sizes[i][0] * 64 * -(-sizes[i][1] // 64) for i in coded],
    )
    tops = [channel.level for channel in channels]
    top = max(tops)
    first = max(0, n - 1 - max(0, top - 1))
    needed = max(first, n - 1 - least_level)
    assert len(payloads) > needed, "less data than is needed"
    streams = [read_streams(payload) for payload in payloads[: needed + 1]]
    for i in coded:
        channels[i].values[0, 0] = streams[first][0].bits(fields["p"][i])
    for k in range(top - 1, least_level - 1, -1):
        for i, channel in enumerate(channels):
            if k >= tops[i] or not channel.planes:
                continue
            channel.level = k
            refs = [ref.known(k) for ref in channels[: counts[i]][::-1]]
            between = {}
            if counts[i] and channel.lattice != WHOLE:  # a fine channel
                refs[-1], *others = (beside(channel, channels[0], a, b) for a, b in PARTS)
                between = dict(zip(PARTS[1:], others, strict=True))
            seen = [
                np.maximum(frame[order[i]].astype(np.int64) - fields["l"][i], 0) for frame in frames
            ]
            seen = [frame[:: 2 ** (k - least_level), :: 2 ** (k - least_level)] for frame in seen]
            for step in "AB":
                view = View(
                    step, channel.level, channel.values.shape, channel.planes, fields["e"],
                    planes.kind == "YCC", channel.known(channel.level), refs, between, seen,
                )  # fmt: skip
                decode_step(view, networks_of[i], streams[max(0, n - 1 - k)])
    samples = {
        c: channel.known(least_level) + lowest
        for c, channel, lowest in zip(order, channels, fields["l"], strict=True)
    }
    assert max(part.max() for part in samples.values()) < 2**planes.array_bits, "samples"
    return [samples[c] for c in range(len(channels))]
