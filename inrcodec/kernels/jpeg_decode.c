/* jpeg/entropy/scans.py: the entropy coded bytes of a JPEG scan become coefficients. */
#include "export.h"
#include "jpeg_scan.h"

#include <string.h>

#define FAST 9 /* codes up to so many bits are looked up */

typedef struct {
    uint16_t fast[1 << FAST]; /* length << 8 | symbol, 0 for longer codes and none */
    uint32_t limit[LONGEST_CODE + 1]; /* the first code of a length that is none */
    int32_t offset[LONGEST_CODE + 1];
    const uint8_t *symbols;
} codes;

typedef struct {
    const uint8_t *bytes;
    int64_t size, at;
    uint64_t bits; /* those read ahead, from the highest on, then zeros */
    int held;      /* how many, below 0 where more were taken than there are */
} reader;

typedef struct {
    jpeg_scan scan;
    reader in;
    codes dc[MOST_COMPONENTS], ac[MOST_COMPONENTS];
    int64_t block, run; /* its number in the scan, and blocks that the EOB run has left */
    eob_run last;       /* what the last block ended with, or of length 0 */
    uint32_t *breaks, *zeros;
    int64_t breaks_count, most_breaks, zeros_count, most_zeros;
} decoder;

static void build_codes(codes *c, const uint8_t *table)
{
    uint32_t code = 0;
    int32_t symbol = 0;
    memset(c->fast, 0, sizeof c->fast);
    c->symbols = table + LONGEST_CODE;
    for (int length = 1; length <= LONGEST_CODE; length++) {
        c->offset[length] = symbol - (int32_t)code;
        for (int i = 0; i < table[length - 1]; i++, code++, symbol++) {
            if (length > FAST)
                continue;
            uint32_t first = code << (FAST - length);
            for (uint32_t j = 0; j < 1u << (FAST - length); j++)
                c->fast[first + j] = (uint16_t)(length << 8 | c->symbols[symbol]);
        }
        c->limit[length] = code;
        code <<= 1;
    }
}

static void fill(reader *r)
{
    while (r->held <= 56) {
        if (r->at >= r->size)
            return;
        uint8_t byte = r->bytes[r->at];
        if (byte == 0xFF) {
            if (r->at + 1 >= r->size || r->bytes[r->at + 1])
                return; /* a marker */
            r->at++;
        }
        r->at++;
        r->bits |= (uint64_t)byte << (56 - r->held);
        r->held += 8;
    }
}

/* So many bits, up to 16; the reader holds them or is at the end. */
static int take(reader *r, int count)
{
    if (!count)
        return 0;
    int value = (int)(r->bits >> (64 - count));
    r->bits <<= count;
    r->held -= count;
    return value;
}

/* The next symbol, or -1. 16 bits more can be taken after it. */
static int take_symbol(reader *r, const codes *c)
{
    if (r->held < 32)
        fill(r);
    int entry = c->fast[r->bits >> (64 - FAST)], length = entry >> 8;
    if (length) {
        take(r, length);
        return r->held < 0 ? -1 : entry & 255;
    }
    uint32_t top = (uint32_t)(r->bits >> (64 - LONGEST_CODE));
    for (length = FAST + 1; length <= LONGEST_CODE; length++) {
        uint32_t code = top >> (LONGEST_CODE - length);
        if (code < c->limit[length]) {
            take(r, length);
            return r->held < 0 ? -1 : c->symbols[(int32_t)code + c->offset[length]];
        }
    }
    return -1;
}

/* A bit, or -1. */
static int take_bit(reader *r)
{
    if (r->held < 1)
        fill(r);
    int bit = take(r, 1);
    return r->held < 0 ? -1 : bit;
}

static int take_signed(reader *r, int size)
{
    int value = take(r, size);
    return size && value < 1 << (size - 1) ? value + 1 - (1 << size) : value;
}

/* Goes back over so many bytes that were read ahead. */
static int64_t without(const reader *r, int64_t at, int bytes)
{
    for (; bytes > 0; bytes--)
        at -= 1 + (r->bytes[at - 1] == 0 && at > 1 && r->bytes[at - 2] == 0xFF);
    return at;
}

static int note_zeros(decoder *d, int runs)
{
    if (!runs)
        return 1;
    if (d->zeros_count == d->most_zeros)
        return 0;
    d->zeros[2 * d->zeros_count] = (uint32_t)d->block;
    d->zeros[2 * d->zeros_count + 1] = (uint32_t)runs;
    d->zeros_count++;
    return 1;
}

static int decode_dc(decoder *d, jpeg_component *c, const codes *table, int16_t *block)
{
    int size = take_symbol(&d->in, table);
    if (size < 0 || size > MOST_SIZE)
        return 0;
    c->predicted += take_signed(&d->in, size);
    int64_t value = c->predicted * (1 << d->scan.al);
    if (d->in.held < 0 || value < INT16_MIN || value > INT16_MAX)
        return 0;
    block[0] = (int16_t)value;
    return 1;
}

/* Starts an EOB run with a symbol's upper half. */
static int start_run(decoder *d, int upper)
{
    d->run = ((int64_t)1 << upper) + take(&d->in, upper);
    return d->in.held >= 0;
}

/* Ends a block with EOB; starts: it has one of its own; empty: and no other symbol; corrections:
   bits after it. */
static int end_block(decoder *d, int starts, int empty, int64_t corrections)
{
    if (d->last.length && empty && starts != ends_before(&d->scan, &d->last, corrections)) {
        if (d->breaks_count == d->most_breaks)
            return 0;
        d->breaks[d->breaks_count++] = (uint32_t)d->block;
    }
    if (starts)
        d->last.length = d->last.corrections = 0;
    d->last.length++;
    d->last.corrections += corrections;
    d->last.bare = empty && !corrections;
    d->run--;
    return 1;
}

static int decode_ac(decoder *d, const codes *table, int16_t *block)
{
    int runs = 0, ss = d->scan.ss, se = d->scan.se;
    if (d->scan.kind == SEQUENTIAL)
        ss = 1;
    if (d->run)
        return end_block(d, 0, 1, 0);
    for (int k = ss; k <= se; k++) {
        int symbol = take_symbol(&d->in, table), upper = symbol >> 4, size = symbol & 15;
        if (symbol < 0)
            return 0;
        if (size) {
            k += upper;
            int value = take_signed(&d->in, size) * (1 << d->scan.al);
            if (k > se || d->in.held < 0 || magnitude(value) > INT16_MAX)
                return 0;
            block[k] = (int16_t)value;
            runs = 0;
        } else if (upper == 15) {
            k += 15;
            if (k > se)
                return 0;
            runs++;
        } else if (d->scan.kind == SEQUENTIAL) {
            return upper == 0 && note_zeros(d, runs);
        } else {
            return note_zeros(d, runs) && start_run(d, upper) && end_block(d, 1, k == ss, 0);
        }
    }
    d->last.length = 0;
    return note_zeros(d, runs);
}

/* Reads the next bit of a coefficient that is not 0. */
static int correct(decoder *d, int16_t *coefficient)
{
    int bit = take_bit(&d->in), value = *coefficient, step = 1 << d->scan.al;
    if (bit < 0)
        return 0;
    if (bit && !(magnitude(value) & step))
        *coefficient = (int16_t)(value < 0 ? value - step : value + step);
    return 1;
}

static int refine_ac(decoder *d, const codes *table, int16_t *block)
{
    int k = d->scan.ss, se = d->scan.se, runs = 0, starts = !d->run, empty, corrections = 0;
    for (; !d->run && k <= se; k++) {
        int symbol = take_symbol(&d->in, table), upper = symbol >> 4, value = 0;
        if (symbol < 0 || (symbol & 15) > 1)
            return 0;
        if (symbol & 1) {
            value = take(&d->in, 1) ? 1 << d->scan.al : -(1 << d->scan.al);
            if (d->in.held < 0)
                return 0;
            runs = 0;
        } else if (upper < 15) {
            if (runs || !start_run(d, upper))
                return 0;
            break;
        } else {
            runs++;
        }
        for (; k <= se; k++) {
            if (block[k]) {
                if (!correct(d, block + k))
                    return 0;
            } else if (upper-- == 0) {
                break;
            }
        }
        if (k > se)
            return 0;
        if (value)
            block[k] = (int16_t)value;
    }
    if (!d->run) {
        d->last.length = 0;
        return !runs;
    }
    empty = k == d->scan.ss;
    for (; k <= se; k++)
        if (block[k]) {
            if (!correct(d, block + k))
                return 0;
            corrections++;
        }
    return end_block(d, starts, empty, corrections);
}

static int decode_block(decoder *d, int component, int16_t *block)
{
    jpeg_component *c = &d->scan.components[component];
    int bit;
    switch (d->scan.kind) {
    case SEQUENTIAL:
        return decode_dc(d, c, &d->dc[component], block)
               && decode_ac(d, &d->ac[component], block);
    case DC_FIRST:
        return decode_dc(d, c, &d->dc[component], block);
    case DC_REFINE:
        bit = take_bit(&d->in);
        if (bit > 0)
            block[0] = (int16_t)(block[0] | 1 << d->scan.al);
        return bit >= 0;
    case AC_FIRST:
        return decode_ac(d, &d->ac[component], block);
    default:
        return refine_ac(d, &d->ac[component], block);
    }
}

static int decode_mcu(decoder *d, int64_t mcu)
{
    for (int i = 0; i < d->scan.count; i++) {
        jpeg_component *c = &d->scan.components[i];
        for (int part = 0; part < c->h * c->v; part++, d->block++)
            if (!decode_block(d, i, block_of(&d->scan, c, mcu, part)))
                return 0;
    }
    return 1;
}

/* The bits up to a whole byte, below a one. */
static uint8_t take_padding(reader *r)
{
    int count = r->held & 7;
    return (uint8_t)(1 << count | take(r, count));
}

static int take_restart(decoder *d, int64_t number, uint8_t *pads)
{
    reader *r = &d->in;
    uint8_t pad = take_padding(r);
    if (r->held || r->at + 1 >= r->size || r->bytes[r->at] != 0xFF
        || r->bytes[r->at + 1] != 0xD0 + (number & 7))
        return 0;
    pads[number] = pad;
    r->at += 2;
    d->last.length = 0;
    restart_prediction(&d->scan);
    return 1;
}

/* Everything is as in jpeg/entropy/scans.py: the plan, the tables, and notes, of which there are breaks and
   pairs of zeros. The arrays of coefficients are of the scan's components. counts: how many MCUs
   there are, breaks and pairs. Returns how many bytes the MCUs take. */
INR_EXPORT int64_t inr_decode_jpeg_scan(const uint8_t *bytes, int64_t size, const int64_t *plan,
                                        const uint8_t *tables, int16_t *first, int16_t *second,
                                        int16_t *third, int16_t *fourth, uint8_t *pads,
                                        uint32_t *breaks, int64_t most_breaks, uint32_t *zeros,
                                        int64_t most_zeros, int32_t *counts)
{
    decoder d;
    int16_t *const arrays[MOST_COMPONENTS] = {first, second, third, fourth};
    read_plan(&d.scan, plan, arrays);
    for (int i = 0; i < d.scan.count; i++) {
        build_codes(&d.dc[i], tables + 2 * i * TABLE);
        build_codes(&d.ac[i], tables + (2 * i + 1) * TABLE);
    }
    d.in = (reader){.bytes = bytes, .size = size};
    d.last = (eob_run){0, 0, 0};
    d.block = d.run = 0;
    d.breaks = breaks;
    d.zeros = zeros;
    d.most_breaks = most_breaks;
    d.most_zeros = most_zeros;
    d.breaks_count = d.zeros_count = 0;

    int64_t mcus = d.scan.across * d.scan.down, mcu = 0, restarts = 0, whole = 0, at = 0;
    int held = 0;
    for (;; mcu++) {
        if (!d.run) { /* up to here it can be encoded again, whatever follows */
            whole = mcu;
            at = d.in.at;
            held = d.in.held;
            counts[1] = (int32_t)d.breaks_count;
            counts[2] = (int32_t)d.zeros_count;
        }
        if (mcu == mcus)
            break;
        if (d.scan.restart && mcu && mcu % d.scan.restart == 0
            && (d.run || !take_restart(&d, restarts++, pads)))
            break;
        if (!decode_mcu(&d, mcu))
            break;
    }
    counts[0] = (int32_t)whole;
    if (whole == mcus)
        pads[restarts] = take_padding(&d.in);
    return without(&d.in, at, whole == mcus ? held >> 3 : (held + 7) >> 3);
}
