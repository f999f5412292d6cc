"""The CPU's inner loops: context, networks, mixture and evidence sample by sample, compiled.

The same integers as context.py, networks.py, mixture.py and evidence.py compute with whole arrays,
which is what CUDA runs and what these loops are tested against. Here a block of pixels goes through
everything while it lies in a core's first cache, and threads do not wait for the interpreter.
"""

from __future__ import annotations

import numpy as np

from ..coding.compiled import compiled
from ..coding.tables import (
    CDF_BITS,
    CDF_RANGE,
    CDF_STEPS,
    EXP_TOP,
    PROBABILITY_BITS,
    PROBABILITY_ONE,
    UNIT,
)
from .lattice import PAD
from .mixture import (
    COMPONENTS,
    FLOOR_BITS,
    MAX_LOG_SCALE,
    MAX_MEAN,
    MIN_LOG_SCALE,
    WEIGHT_BITS,
)
from .neighbours import INPUT_CLIP
from .networks import HIDDEN_CLIP
from .windows import HALVES

BLOCK = 64  # pixels: inputs and activations of that many fit into 48 KB


@compiled
def _log2(activity, unit, log):  # type: ignore[no-untyped-def]
    """log2 of an activity in sixteenths of a unit, 16 of them at least."""
    index = int(activity * 16) // unit + 16
    return log[min(max(index, 16), 65535)]


@compiled
def _context_block(  # type: ignore[no-untyped-def]
    own, references, near, far, ring, y, x, count, place, log, own_base, statistics, base, inputs
):
    """Base and inputs of `count` pixels from (y, x) on, two lattice columns apart.

    own (h, w), references (r, h, w): padded lattices, uint16; near (4, 2), far (12 or 20, 2) and
    ring (12, 2): offsets; place: row and column coordinates' numerators and steps, level, planes,
    exponent; statistics (k, count): of window_rows.
    """
    level, planes, exponent = place[4], place[5], place[6]
    unit = 1 << exponent
    scale = float(UNIT) / unit
    quarter = scale / 4
    level_scale = float(64 * UNIT) / (4 << planes)
    y, x = y + PAD, x + PAD
    many = references.shape[0]
    f = 1 if many else 0
    activities = f + 4 + far.shape[0] + 12 * many
    for p in range(count):
        at = x + 2 * p
        # signed, as differences of unsigned numbers wrap
        a = np.int64(own[y + near[0, 0], at + near[0, 1]])
        b = np.int64(own[y + near[1, 0], at + near[1, 1]])
        c = np.int64(own[y + near[2, 0], at + near[2, 1]])
        d = np.int64(own[y + near[3, 0], at + near[3, 1]])
        total = a + b + c + d
        mean = total * 0.25
        spread = abs(a - mean) + abs(b - mean) + abs(c - mean) + abs(d - mean)
        inputs[activities, p] = _log2(spread, unit, log)
        here = total
        if many:
            e = a - np.int64(references[0, y + near[0, 0], at + near[0, 1]])
            g = b - np.int64(references[0, y + near[1, 0], at + near[1, 1]])
            h = c - np.int64(references[0, y + near[2, 0], at + near[2, 1]])
            k = d - np.int64(references[0, y + near[3, 0], at + near[3, 1]])
            middle = e + g + h + k - max(max(e, g), max(h, k)) - min(min(e, g), min(h, k))
            mean = middle * 0.5
            spread = abs(e - mean) + abs(g - mean) + abs(h - mean) + abs(k - mean)
            inputs[activities + 1, p] = _log2(spread, unit, log)
            here, other = np.int64(references[0, y, at]) * 4 + middle * 2, total
            if own_base:
                here, other = other, here
            inputs[0, p] = (other - here) * quarter
        base[p] = here
        inputs[f, p] = (a * 4 - here) * quarter
        inputs[f + 1, p] = (b * 4 - here) * quarter
        inputs[f + 2, p] = (c * 4 - here) * quarter
        inputs[f + 3, p] = (d * 4 - here) * quarter
    f += 4
    for n in range(far.shape[0]):
        row, col = y + far[n, 0], x + far[n, 1]
        for p in range(count):
            inputs[f, p] = (np.int64(own[row, col + 2 * p]) * 4 - base[p]) * quarter
        f += 1
    spreads = np.empty(BLOCK)
    for r in range(many):
        spreads[:count] = 0.0
        for n in range(12):
            row, col = y + ring[n, 0], x + ring[n, 1]
            for p in range(count):
                there = np.int64(references[r, row, col + 2 * p])
                difference = there - np.int64(references[r, y, x + 2 * p])
                inputs[f, p] = difference * scale
                if n < 8:
                    spreads[p] += abs(difference)
            f += 1
        for p in range(count):
            inputs[activities + 2 + r, p] = _log2(spreads[p] * 0.5, unit, log)
    f += 1 + many + (1 if many else 0)
    for p in range(count):
        inputs[f, p] = base[p] * level_scale - 32 * UNIT
        inputs[f + 1, p] = place[0]
        inputs[f + 2, p] = (place[1] + 2 * p * place[2]) * (32 * UNIT) // place[3] - 16 * UNIT
        inputs[f + 3, p] = level * UNIT
    f += 4
    for k in range(statistics.shape[0]):
        # a slope's prediction comes after an earlier channel's sums
        slope = k >= len(HALVES) and (k + 1 - len(HALVES)) % (len(HALVES) + 1) == 0
        for p in range(count):
            value = statistics[k, p]
            if slope:
                value *= quarter
                if not own_base:
                    value += inputs[0, p]
            inputs[f + k, p] = value
    for f in range(inputs.shape[0]):
        for p in range(count):
            inputs[f, p] = min(max(np.floor(inputs[f, p]), -INPUT_CLIP), INPUT_CLIP)


@compiled
def _layer(weights, biases, scale, lowest, highest, x, count, out):  # type: ignore[no-untyped-def]
    """out = floor((weights @ x + biases) * scale), clipped, of `count` columns."""
    for o in range(weights.shape[0]):
        row = out[o]
        for p in range(count):
            row[p] = biases[o, 0]
        # four at a time, as the row goes through memory once for each round
        fours = weights.shape[1] & -4
        for i in range(0, fours, 4):
            a, b, c, d = weights[o, i], weights[o, i + 1], weights[o, i + 2], weights[o, i + 3]
            xa, xb, xc, xd = x[i], x[i + 1], x[i + 2], x[i + 3]
            for p in range(count):
                row[p] += (a * xa[p] + b * xb[p]) + (c * xc[p] + d * xd[p])
        for i in range(fours, weights.shape[1]):
            a, xa = weights[o, i], x[i]
            for p in range(count):
                row[p] += a * xa[p]
        for p in range(count):
            row[p] = min(max(np.floor(row[p] * scale), lowest), highest)


@compiled
def _network(layers, x, count, hidden, out):  # type: ignore[no-untyped-def]
    """networks.Network.run of `count` columns of x into out; hidden: (2, w, BLOCK) for scratch."""
    (w1, b1, s1), (w2, b2, s2), (w3, b3, s3), (bypass, b0, s0), bypassed = layers
    far = float(1 << 62)
    _layer(w1, b1, s1, 0.0, HIDDEN_CLIP, x, count, hidden[0])
    _layer(w2, b2, s2, 0.0, HIDDEN_CLIP, hidden[0], count, hidden[1])
    _layer(w3, b3, s3, -far, far, hidden[1], count, out)
    _layer(bypass, b0, s0, -far, far, x, count, hidden[0])
    for o in range(bypassed):
        for p in range(count):
            out[o, p] += hidden[0, 0, p]


@compiled
def context_rows(  # type: ignore[no-untyped-def]
    own, references, offsets, segment, size, log, own_base, statistics, base, inputs
):
    """context.context_inputs of a piece of a segment: base (n,) and inputs (f, n) are filled.

    offsets: near, far, ring; segment: row, col, rows, cols, level, planes, exponent.
    """
    near, far, ring = offsets
    row, col, rows, cols, level = segment[0], segment[1], segment[2], segment[3], segment[4]
    place = np.empty(7, np.int64)
    place[2], place[3], place[4:] = 1 << level, size[1], segment[4:7]
    n = 0
    for r in range(rows):
        y = row + 2 * r
        place[0] = (y << level) * (32 * UNIT) // size[0] - 16 * UNIT
        for first in range(0, cols, BLOCK):
            count = min(BLOCK, cols - first)
            x = col + 2 * first
            place[1] = x << level
            _context_block(
                own, references, near, far, ring, y, x, count, place, log, own_base,
                statistics[:, n : n + count], base[n : n + count], inputs[:, n : n + count],
            )  # fmt: skip
            n += count


@compiled
def trunk_rows(  # type: ignore[no-untyped-def]
    own, references, offsets, segment, size, log, own_base, statistics, layers, exp, bits, start,
    state, keys,
):  # fmt: skip
    """Runs the trunk INR over a piece of a segment into the mixtures' state from `start` on.

    state (14, n): 3 means, 3 reciprocal scales, 3 weights, floor, F below low, F below high,
    F below the middle, low. keys (2, n): the reference channels' values here as evidence keys.
    bits (3,): planes of this channel and of the references.
    """
    near, far, ring = offsets
    row, col, rows, cols, level = segment[0], segment[1], segment[2], segment[3], segment[4]
    place = np.empty(7, np.int64)
    place[2], place[3], place[4:] = 1 << level, size[1], segment[4:7]
    inputs = np.empty((layers[0][0].shape[1], BLOCK))
    hidden = np.empty((2, layers[0][0].shape[0], BLOCK))
    outputs = np.empty((3 * COMPONENTS, BLOCK))
    base = np.empty(BLOCK)
    scale = float(UNIT) / (1 << segment[6])
    planes = segment[5]
    n = start
    for r in range(rows):
        y = row + 2 * r
        place[0] = (y << level) * (32 * UNIT) // size[0] - 16 * UNIT
        for first in range(0, cols, BLOCK):
            count = min(BLOCK, cols - first)
            x = col + 2 * first
            place[1] = x << level
            done = n - start
            _context_block(
                own, references, near, far, ring, y, x, count, place, log, own_base,
                statistics[:, done : done + count], base, inputs,
            )  # fmt: skip
            _network(layers, inputs, count, hidden, outputs)
            for p in range(count):
                at = n + p
                highest = max(max(outputs[6, p], outputs[7, p]), outputs[8, p])
                highest = min(max(highest, -16.0 * UNIT), 16.0 * UNIT)
                total = 0.0
                for i in range(COMPONENTS):
                    mean = min(max(outputs[i, p], -MAX_MEAN), MAX_MEAN)
                    state[i, at] = mean + base[p] * (scale / 4)
                    log_scale = min(
                        max(outputs[3 + i, p], MIN_LOG_SCALE * UNIT), MAX_LOG_SCALE * UNIT
                    )
                    state[3 + i, at] = exp[int(log_scale) - MIN_LOG_SCALE * UNIT]
                    below = highest - min(max(outputs[6 + i, p], -16.0 * UNIT), 16.0 * UNIT)
                    below = min(below, WEIGHT_BITS * UNIT)
                    weight = exp[int(below) + (EXP_TOP - WEIGHT_BITS) * UNIT]
                    state[6 + i, at] = weight
                    total += weight
                floor = np.floor(total * (1 << (CDF_BITS - FLOOR_BITS)) / (1 << planes))
                state[9, at] = floor
                state[10, at] = 0.0
                state[11, at] = total * (1 << CDF_BITS) + floor * (1 << planes)
                state[12, at] = 0.0
                state[13, at] = 0.0
                key = 0
                shift = planes
                for k in range(references.shape[0]):
                    key += int(references[k, y + PAD, x + 2 * p + PAD]) << shift
                    keys[k, at] = key
                    shift += bits[1 + k]
            n += count


@compiled
def _logistic(z, fraction, cdf):  # type: ignore[no-untyped-def]
    """mixture.logistic of one number."""
    limit = CDF_RANGE << fraction
    shift = fraction - 6  # CDF_STEPS = 64
    z = min(max(z, -limit), limit - 1)
    cell = (z >> shift) + CDF_RANGE * CDF_STEPS
    low = cdf[cell]
    return low + (((cdf[cell + 1] - low) * (z & ((1 << shift) - 1))) >> shift)


@compiled
def _below(keys, key, first, last):  # type: ignore[no-untyped-def]
    """The number of sorted keys below a key, which lies in first .. last."""
    while first < last:
        middle = (first + last) >> 1
        if keys[middle] < key:
            first = middle + 1
        else:
            last = middle
    return first


@compiled
def ask_range(  # type: ignore[no-untyped-def]
    first, last, plane, top, undecided, bits, state, keys, bounds, exponent,
    sets, tables, layers, cdf, log, logit, out, index, features,
):  # fmt: skip
    """Probabilities of a plane's bits of the pixels first .. last - 1 into out.

    bits: of the plane above, unless this is the top one; sets, tables: evidence.Evidence's, at most
    3 of them; bounds (3, 2, n): between which of a set's keys a pixel's own lie, so far. What the
    plane INR was asked goes to index (m,) and features (f, m) where these are not empty; their
    number is returned.
    """
    scale = float(UNIT) / (1 << exponent)
    many = (layers[0][0].shape[1] - 2) // 2
    inputs = np.empty((2 + 2 * many, BLOCK))
    hidden = np.empty((2, layers[0][0].shape[0], BLOCK))
    outputs = np.empty((1, BLOCK))
    asked = np.empty(BLOCK, np.int64)
    recorded = 0
    step = 1 << plane
    below = np.empty(BLOCK)
    limit, half_range = float(CDF_RANGE << 26), CDF_RANGE * CDF_STEPS
    for block in range(first, last, BLOCK):
        count = min(BLOCK, last - block)
        if plane < top:
            for n in range(block, block + count):
                if bits[n]:
                    state[13, n] += 2 * step
                    state[10, n] = state[12, n]
                else:
                    state[11, n] = state[12, n]
        for p in range(count):
            below[p] = state[9, block + p] * (state[13, block + p] + step)
        for i in range(COMPONENTS):
            means, rates = state[i, block : block + count], state[3 + i, block : block + count]
            weights = state[6 + i, block : block + count]
            lows = state[13, block : block + count]
            for p in range(count):
                z = ((lows[p] + step - 0.5) * scale - means[p]) * rates[p]
                # _logistic(z, 26, cdf), in a form that compilers turn into vectors
                whole = int(min(max(z, -limit), limit - 1))
                cell = (whole >> 20) + half_range
                low = cdf[cell]
                rest = whole & ((1 << 20) - 1)
                below[p] += (low + (((cdf[cell + 1] - low) * rest) >> 20)) * weights[p]
        for p in range(count):
            n = block + p
            state[12, n] = below[p]
            whole_range = state[11, n] - state[10, n]
            q = int((state[11, n] - below[p]) * PROBABILITY_ONE / whole_range)
            out[n] = min(max(q, 1), PROBABILITY_ONE - 1)
        waiting = 0
        for n in range(block, block + count):
            p = int(out[n])
            if not undecided <= p <= PROBABILITY_ONE - undecided:
                continue
            low = state[13, n]
            asked[waiting] = n
            inputs[0, waiting] = logit[p]
            inputs[1, waiting] = plane * UNIT
            for k in range(many):
                key = int(low)
                if k:
                    key += keys[k - 1, n]
                if tables[k].size:
                    start = tables[k][key]
                    half = tables[k][key + step]
                    end = tables[k][key + 2 * step]
                else:
                    start = _below(sets[k], key, bounds[k, 0, n], bounds[k, 1, n])
                    end = _below(sets[k], key + 2 * step, start, bounds[k, 1, n])
                    half = _below(sets[k], key + step, start, end)
                    bounds[k, 0, n], bounds[k, 1, n] = start, end
                zeros, ones = half - start, end - half
                odds = (ones * 8 + 1) * PROBABILITY_ONE // ((zeros + ones) * 8 + 2)
                odds = min(max(odds, 1), PROBABILITY_ONE - 1)
                inputs[2 + 2 * k, waiting] = logit[odds]
                inputs[3 + 2 * k, waiting] = log[min(zeros + ones + 1, PROBABILITY_ONE)]
            waiting += 1
        if waiting:
            _network(layers, inputs, waiting, hidden, outputs)
            for p in range(waiting):
                at = asked[p]
                f = _logistic(int(min(max(outputs[0, p], -32768.0), 32768.0)), 10, cdf)
                f >>= CDF_BITS - PROBABILITY_BITS
                out[at] = min(max(f, 1), PROBABILITY_ONE - 1)
            if index.size:
                index[recorded : recorded + waiting] = asked[:waiting]
                features[:, recorded : recorded + waiting] = inputs[:, :waiting]
            recorded += waiting
    return recorded
