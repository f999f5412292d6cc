/* jpeg/entropy/scans.py: coefficients become the entropy coded bytes of a JPEG scan again. */
#include "export.h"
#include "jpeg_scan.h"

#include <string.h>

typedef struct {
    uint16_t code[256];
    uint8_t length[256]; /* 0 where a symbol has no code */
} codes;

typedef struct {
    uint8_t *target;
    int64_t room, written;
    uint64_t bits;
    int held, failed; /* failed: the room is full, or a symbol has no code */
} writer;

typedef struct {
    jpeg_scan scan;
    writer out;
    codes dc[MOST_COMPONENTS], ac[MOST_COMPONENTS];
    int64_t blocks, block; /* how many blocks there are in all, and the number of this one */
    int64_t run;                 /* blocks that the EOB run has left */
    const uint32_t *breaks, *zeros;
    int64_t breaks_count, breaks_used, zeros_count, zeros_used;
} encoder;

static void build_codes(codes *c, const uint8_t *table)
{
    uint32_t code = 0;
    const uint8_t *symbols = table + LONGEST_CODE;
    memset(c->length, 0, sizeof c->length);
    for (int length = 1; length <= LONGEST_CODE; length++) {
        for (int i = 0; i < table[length - 1]; i++, code++, symbols++)
            if (!c->length[*symbols]) {
                c->code[*symbols] = (uint16_t)code;
                c->length[*symbols] = (uint8_t)length;
            }
        code <<= 1;
    }
}

static void put_byte(writer *w, int byte)
{
    if (w->written == w->room)
        w->failed = 1;
    else
        w->target[w->written++] = (uint8_t)byte;
}

/* So many bits, up to 32. */
static void put(writer *w, uint32_t value, int count)
{
    w->bits = w->bits << count | value;
    w->held += count;
    while (w->held >= 8) {
        w->held -= 8;
        int byte = (int)(w->bits >> w->held & 255);
        put_byte(w, byte);
        if (byte == 255)
            put_byte(w, 0);
    }
}

/* A symbol and the bits behind it, up to 15. */
static void put_symbol(writer *w, const codes *c, int symbol, int value, int count)
{
    if (!c->length[symbol])
        w->failed = 1;
    uint32_t bits = (uint32_t)value & ((1u << count) - 1);
    put(w, (uint32_t)c->code[symbol] << count | bits, c->length[symbol] + count);
}

/* The bits of a magnitude up to 0xFFFF. */
static int size_of(int64_t value)
{
    int size = 0;
    while (value >> size)
        size++;
    return size;
}

/* The symbol of `upper` and a value that is not 0, and the value. */
static void put_signed(writer *w, const codes *c, int upper, int value)
{
    int size = size_of(magnitude(value));
    if (size > MOST_SIZE)
        w->failed = 1;
    else
        put_symbol(w, c, upper << 4 | size, value < 0 ? value - 1 : value, size);
}

static void encode_dc(encoder *e, jpeg_component *c, const codes *table, const int16_t *block)
{
    int value = block[0], al = e->scan.al;
    value = value < 0 ? ~(~value >> al) : value >> al;
    put_signed(&e->out, table, 0, value - (int)c->predicted);
    c->predicted = value;
}

/* Whether no symbol but EOB is for a block; corrections: how many bits follow it. */
static int is_empty(const encoder *e, const int16_t *block, int64_t *corrections)
{
    *corrections = 0;
    for (int k = e->scan.ss; k <= e->scan.se; k++) {
        int value = magnitude(block[k]) >> e->scan.al;
        if (value == 1 || (value && e->scan.kind == AC_FIRST))
            return 0;
        *corrections += value != 0;
    }
    return 1;
}

/* How many blocks the run takes that begins with this one; empty: it has no symbol but EOB. */
static int64_t run_length(encoder *e, int empty, int64_t corrections)
{
    eob_run run = {1, corrections, empty && !corrections};
    int64_t end = e->blocks, more;
    if (e->scan.restart) {
        int64_t next = (e->block / e->scan.restart + 1) * e->scan.restart;
        end = next < end ? next : end;
    }
    for (int64_t next = e->block + 1; next < end; next++) {
        int has_zeros = e->zeros_used < e->zeros_count
                        && e->zeros[2 * e->zeros_used] == (uint32_t)next;
        if (has_zeros || !is_empty(e, block_of(&e->scan, e->scan.components, next, 0), &more))
            break;
        int ends = ends_before(&e->scan, &run, more);
        if (e->breaks_used < e->breaks_count && e->breaks[e->breaks_used] == (uint32_t)next) {
            e->breaks_used++;
            ends = !ends;
        }
        if (ends)
            break;
        run.length++;
        run.corrections += more;
        run.bare = !more;
    }
    if (run.length > LONGEST_RUN)
        e->out.failed = 1;
    return run.length;
}

static void put_run(encoder *e, const codes *table, int empty, int64_t corrections)
{
    int64_t length = run_length(e, empty, corrections);
    int size = size_of(length) - 1;
    if (!e->out.failed)
        put_symbol(&e->out, table, size << 4, (int)length, size);
    e->run = length - 1;
}

static void encode_ac(encoder *e, const codes *table, const int16_t *block)
{
    int zeros = 0, empty = 1, ss = e->scan.ss, al = e->scan.al;
    if (e->scan.kind == SEQUENTIAL)
        ss = 1;
    if (e->run) {
        e->run--;
        return;
    }
    for (int k = ss; k <= e->scan.se; k++) {
        int value = magnitude(block[k]) >> al;
        if (!value) {
            zeros++;
            continue;
        }
        for (; zeros > 15; zeros -= 16)
            put_symbol(&e->out, table, 0xF0, 0, 0);
        put_signed(&e->out, table, zeros, block[k] < 0 ? -value : value);
        zeros = empty = 0;
    }
    if (zeros && e->zeros_used < e->zeros_count
        && e->zeros[2 * e->zeros_used] == (uint32_t)e->block) {
        uint32_t runs = e->zeros[2 * e->zeros_used++ + 1];
        if (runs > (uint32_t)zeros / 16) {
            e->out.failed = 1;
            return;
        }
        empty = 0;
        for (; runs; runs--, zeros -= 16)
            put_symbol(&e->out, table, 0xF0, 0, 0);
    }
    if (!zeros)
        return;
    if (e->scan.kind == SEQUENTIAL)
        put_symbol(&e->out, table, 0, 0, 0);
    else
        put_run(e, table, empty, 0);
}

static void put_corrections(writer *w, uint64_t bits, int count)
{
    if (count > 32) {
        put(w, (uint32_t)(bits >> 32), count - 32);
        count = 32;
    }
    put(w, (uint32_t)(bits & 0xFFFFFFFF), count);
}

static void refine_ac(encoder *e, const codes *table, const int16_t *block)
{
    int zeros = 0, last = 0, count = 0, al = e->scan.al;
    uint64_t corrections = 0; /* that follow the next symbol */
    for (int k = e->scan.ss; k <= e->scan.se; k++)
        if (magnitude(block[k]) >> al == 1)
            last = k;
    for (int k = e->scan.ss; k <= e->scan.se; k++) {
        int value = magnitude(block[k]) >> al;
        if (!value) {
            zeros++;
            continue;
        }
        for (; zeros > 15 && k <= last; zeros -= 16) {
            put_symbol(&e->out, table, 0xF0, 0, 0);
            put_corrections(&e->out, corrections, count);
            corrections = 0;
            count = 0;
        }
        if (value > 1) {
            corrections = corrections << 1 | (uint64_t)(value & 1);
            count++;
            continue;
        }
        put_symbol(&e->out, table, zeros << 4 | 1, block[k] > 0, 1);
        put_corrections(&e->out, corrections, count);
        corrections = 0;
        zeros = count = 0;
    }
    if (e->run)
        e->run--;
    else if (zeros || count)
        put_run(e, table, !last, count);
    put_corrections(&e->out, corrections, count);
}

static void encode_block(encoder *e, int component, const int16_t *block)
{
    jpeg_component *c = &e->scan.components[component];
    switch (e->scan.kind) {
    case SEQUENTIAL:
        encode_dc(e, c, &e->dc[component], block);
        encode_ac(e, &e->ac[component], block);
        break;
    case DC_FIRST:
        encode_dc(e, c, &e->dc[component], block);
        break;
    case DC_REFINE:
        put(&e->out, (block[0] & 1 << e->scan.al) != 0, 1);
        break;
    case AC_FIRST:
        encode_ac(e, &e->ac[component], block);
        break;
    default:
        refine_ac(e, &e->ac[component], block);
    }
}

static void encode_mcu(encoder *e, int64_t mcu)
{
    for (int i = 0; i < e->scan.count; i++) {
        jpeg_component *c = &e->scan.components[i];
        for (int part = 0; part < c->h * c->v; part++, e->block++)
            encode_block(e, i, block_of(&e->scan, c, mcu, part));
    }
}

static void put_padding(writer *w, uint8_t pad)
{
    int count = (8 - w->held) & 7;
    put(w, pad & ((1u << count) - 1), count);
}

/* Everything is as in jpeg/entropy/scans.py: the plan, the tables, and notes; so many of the scan's MCUs
   are written. Returns how many bytes there are, or -1 where the notes are not of these
   coefficients, a symbol has no code, or the room is too small. */
INR_EXPORT int64_t inr_encode_jpeg_scan(const int64_t *plan, const uint8_t *tables, int16_t *first,
                                        int16_t *second, int16_t *third, int16_t *fourth,
                                        int64_t mcus, const uint8_t *pads, const uint32_t *breaks,
                                        int64_t breaks_count, const uint32_t *zeros,
                                        int64_t zeros_count, uint8_t *target, int64_t room)
{
    encoder e;
    int16_t *const arrays[MOST_COMPONENTS] = {first, second, third, fourth};
    read_plan(&e.scan, plan, arrays);
    int64_t in_mcu = 0, restarts = 0;
    for (int i = 0; i < e.scan.count; i++) {
        build_codes(&e.dc[i], tables + 2 * i * TABLE);
        build_codes(&e.ac[i], tables + (2 * i + 1) * TABLE);
        in_mcu += e.scan.components[i].h * e.scan.components[i].v;
    }
    e.out = (writer){.target = target, .room = room};
    e.blocks = mcus * in_mcu;
    e.block = e.run = 0;
    e.breaks = breaks;
    e.zeros = zeros;
    e.breaks_count = breaks_count;
    e.zeros_count = zeros_count;
    e.breaks_used = e.zeros_used = 0;

    for (int64_t mcu = 0; mcu < mcus && !e.out.failed; mcu++) {
        if (e.scan.restart && mcu && mcu % e.scan.restart == 0) {
            put_padding(&e.out, pads[restarts]);
            put_byte(&e.out, 0xFF);
            put_byte(&e.out, (int)(0xD0 + (restarts++ & 7)));
            restart_prediction(&e.scan);
        }
        encode_mcu(&e, mcu);
    }
    if (mcus == e.scan.across * e.scan.down)
        put_padding(&e.out, pads[restarts]);
    if (e.out.failed || e.breaks_used != breaks_count || e.zeros_used != zeros_count)
        return -1;
    return e.out.written;
}
