/* files/packing/deflate.py: deflate streams that are zlib's bit for bit.

   The input is at hand as a whole, so there is no window that moves; where zlib's would stand is
   kept, as it says whether a block can be stored. Places in the input are 32 bits; place 0 is never
   found again, as it stands for none. */
#include "export.h"

#include <stdint.h>
#include <string.h>

#define LEAST 3
#define LONGEST 258
#define AHEAD (LONGEST + LEAST + 1) /* zlib wants so many bytes ahead before it goes on */
#define LITERALS 286
#define DISTANCES 30
#define LENGTH_CODES 19
#define END 256
#define NODES (2 * LITERALS + 1)
#define MOST_BITS 15
#define HEADS (1 << 16)
#define WINDOW (1 << 15)

enum { FILTERED = 1, HUFFMAN, RUNS, FIXED };

typedef struct {
    uint32_t frequency[NODES];
    uint16_t codes[LITERALS + 2], lengths[NODES];
    int last; /* the last symbol there is */
} tree;

typedef struct {
    int good, lazy, nice, chain;
} effort;

/* How long zlib looks, by level: up to 3 it takes every match. */
static const effort EFFORTS[10] = {
    {0, 0, 0, 0},      {4, 4, 8, 4},        {4, 5, 16, 8},      {4, 6, 32, 32},
    {4, 4, 16, 16},    {8, 16, 32, 32},     {8, 16, 128, 128},  {8, 32, 128, 256},
    {32, 128, 258, 1024}, {32, 258, 258, 4096},
};
static const uint8_t ORDER[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                            11, 4,  12, 3, 13, 2, 14, 1, 15};

typedef struct {
    const uint8_t *raw;
    int64_t size, place, block_start, window_start;
    int64_t window, reach; /* the window's bytes, and how far back a match may lie */
    effort effort;
    int strategy, shift, mask;
    int64_t too_far;
    uint32_t *heads, *before, *symbols; /* symbols: distance << 9 | length, or a literal */
    int held_symbols, most_symbols;
    const uint32_t *expected; /* what the first symbols should be */
    int64_t expected_count, taken;
    int other; /* they are not */
    int64_t found; /* where the longest match lies */
    tree literals, distances, lengths;
    int64_t bits, fixed_bits; /* of a block, in its own codes and in the fixed ones */
    uint8_t *target;
    int64_t room, written;
    uint64_t buffer;
    int held;
} packer;

static void put_byte(packer *p, int byte)
{
    if (p->written < p->room)
        p->target[p->written] = (uint8_t)byte;
    p->written++;
}

static void put_bits(packer *p, uint32_t value, int count)
{
    p->buffer |= (uint64_t)value << p->held;
    p->held += count;
    while (p->held >= 8) {
        put_byte(p, (int)(p->buffer & 255));
        p->buffer >>= 8;
        p->held -= 8;
    }
}

static void end_byte(packer *p)
{
    if (p->held)
        put_bits(p, 0, 8 - p->held);
}

static int log2_of(int value)
{
    int log = 0;
    while (value >> (log + 1))
        log++;
    return log;
}

/* The code of a match's length, from 0, and how many bits follow it with which value. */
static int length_code(int length, int *extra, int *rest)
{
    int value = length - LEAST;
    *extra = *rest = 0;
    if (length == LONGEST)
        return 28;
    if (value < 8)
        return value;
    *extra = log2_of(value) - 2;
    *rest = value & ((1 << *extra) - 1);
    return (*extra << 2) + (value >> *extra);
}

static int distance_code(int distance, int *extra, int *rest)
{
    int value = distance - 1;
    *extra = *rest = 0;
    if (value < 4)
        return value;
    *extra = log2_of(value) - 1;
    *rest = value & ((1 << *extra) - 1);
    return (*extra << 1) + (value >> *extra);
}

static int fixed_length(int symbol)
{
    return symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
}

/* Codes of known lengths, the lowest bit first. */
static void assign_codes(tree *t, int symbols)
{
    uint32_t code = 0;
    for (int length = 1; length <= MOST_BITS; length++) {
        code <<= 1;
        for (int symbol = 0; symbol < symbols; symbol++) {
            if (t->lengths[symbol] != length)
                continue;
            uint32_t turned = 0;
            for (int i = 0; i < length; i++)
                turned |= (code >> i & 1) << (length - 1 - i);
            t->codes[symbol] = (uint16_t)turned;
            code++;
        }
    }
}

typedef struct {
    int nodes[NODES], size; /* a heap from 1 on */
    uint8_t depth[NODES];
    const uint32_t *frequency;
} heap;

static int comes_first(const heap *h, int a, int b)
{
    if (h->frequency[a] != h->frequency[b])
        return h->frequency[a] < h->frequency[b];
    return h->depth[a] <= h->depth[b];
}

static void sink(heap *h, int place)
{
    int node = h->nodes[place];
    for (int child = 2 * place; child <= h->size; child = 2 * place) {
        if (child < h->size && comes_first(h, h->nodes[child + 1], h->nodes[child]))
            child++;
        if (comes_first(h, node, h->nodes[child]))
            break;
        h->nodes[place] = h->nodes[child];
        place = child;
    }
    h->nodes[place] = node;
}

/* Bits that follow a symbol of a kind of tree: 0 literals and lengths, 1 distances, 2 lengths of
   codes. */
static int extra_bits(int kind, int symbol)
{
    if (kind == 0)
        return symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4;
    if (kind == 1)
        return symbol < 4 ? 0 : symbol / 2 - 1;
    return symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7;
}

/* Lengths and codes of a tree from its frequencies, with ties as zlib's heap has them, and what the
   block's bits come to. */
static void build_tree(packer *p, tree *t, int kind)
{
    int symbols = kind == 0 ? LITERALS : kind == 1 ? DISTANCES : LENGTH_CODES;
    int longest = kind == 2 ? 7 : MOST_BITS;
    int parents[NODES], sorted[NODES], first = NODES, node = symbols;
    int counts[MOST_BITS + 1] = {0}, over = 0;
    heap h = {.size = 0, .frequency = t->frequency};
    t->last = -1;
    for (int i = 0; i < symbols; i++) {
        t->lengths[i] = 0;
        if (t->frequency[i])
            h.nodes[++h.size] = t->last = i;
    }
    while (h.size < 2) { /* there are two codes at least */
        int added = t->last < 2 ? ++t->last : 0;
        h.nodes[++h.size] = added;
        t->frequency[added] = 1;
        p->bits--;
        if (kind != 2)
            p->fixed_bits -= kind == 0 ? fixed_length(added) : 5;
    }
    for (int i = h.size / 2; i >= 1; i--)
        sink(&h, i);
    do {
        int least = h.nodes[1];
        h.nodes[1] = h.nodes[h.size--];
        sink(&h, 1);
        int next = h.nodes[1];
        sorted[--first] = least;
        sorted[--first] = next;
        t->frequency[node] = t->frequency[least] + t->frequency[next];
        int deeper = h.depth[least] >= h.depth[next] ? h.depth[least] : h.depth[next];
        h.depth[node] = (uint8_t)(deeper + 1);
        parents[least] = parents[next] = node;
        h.nodes[1] = node++;
        sink(&h, 1);
    } while (h.size >= 2);
    sorted[--first] = h.nodes[1];
    t->lengths[sorted[first]] = 0;
    for (int i = first + 1; i < NODES; i++) {
        int at = sorted[i], length = t->lengths[parents[at]] + 1;
        if (length > longest) {
            length = longest;
            over++;
        }
        t->lengths[at] = (uint16_t)length;
        if (at > t->last)
            continue;
        counts[length]++;
        int extra = extra_bits(kind, at);
        p->bits += (int64_t)t->frequency[at] * (length + extra);
        if (kind != 2)
            p->fixed_bits +=
                (int64_t)t->frequency[at] * ((kind == 0 ? fixed_length(at) : 5) + extra);
    }
    if (over) {
        for (; over > 0; over -= 2) {
            int length = longest - 1;
            while (!counts[length])
                length--;
            counts[length]--;
            counts[length + 1] += 2;
            counts[longest]--;
        }
        int i = NODES;
        for (int length = longest; length; length--)
            for (int left = counts[length]; left;) {
                int at = sorted[--i];
                if (at > t->last)
                    continue;
                p->bits += ((int64_t)length - t->lengths[at]) * t->frequency[at];
                t->lengths[at] = (uint16_t)length;
                left--;
            }
    }
    assign_codes(t, symbols);
}

/* The lengths of a tree's codes as symbols, each with the bits behind it: value << 5 | symbol. */
static int write_lengths(packer *p, const tree *t, uint16_t *out)
{
    int written = 0, previous = -1;
    for (int i = 0; i <= t->last;) {
        int length = t->lengths[i], count = 1;
        int most = length == 0 ? 138 : length == previous ? 6 : 7;
        int least = length == 0 || length == previous ? 3 : 4;
        while (count < most && i + count <= t->last && t->lengths[i + count] == length)
            count++;
        i += count;
        if (count < least) {
            while (count--)
                out[written++] = (uint16_t)length;
        } else if (length) {
            if (length != previous) {
                out[written++] = (uint16_t)length;
                count--;
            }
            out[written++] = (uint16_t)((count - 3) << 5 | 16);
        } else if (count <= 10) {
            out[written++] = (uint16_t)((count - 3) << 5 | 17);
        } else {
            out[written++] = (uint16_t)((count - 11) << 5 | 18);
        }
        previous = length;
    }
    for (int i = 0; i < written; i++)
        p->lengths.frequency[out[i] & 31]++;
    return written;
}

static void put_symbols(packer *p)
{
    for (int i = 0; i < p->held_symbols; i++) {
        int length = (int)(p->symbols[i] & 511), distance = (int)(p->symbols[i] >> 9);
        if (!distance) {
            put_bits(p, p->literals.codes[length], p->literals.lengths[length]);
            continue;
        }
        int extra, rest, code = END + 1 + length_code(length, &extra, &rest);
        put_bits(p, p->literals.codes[code], p->literals.lengths[code]);
        put_bits(p, (uint32_t)rest, extra);
        code = distance_code(distance, &extra, &rest);
        put_bits(p, p->distances.codes[code], p->distances.lengths[code]);
        put_bits(p, (uint32_t)rest, extra);
    }
    put_bits(p, p->literals.codes[END], p->literals.lengths[END]);
}

static void start_block(packer *p)
{
    memset(p->literals.frequency, 0, sizeof p->literals.frequency);
    memset(p->distances.frequency, 0, sizeof p->distances.frequency);
    memset(p->lengths.frequency, 0, sizeof p->lengths.frequency);
    p->literals.frequency[END] = 1;
    p->held_symbols = 0;
    p->bits = p->fixed_bits = 0;
    p->block_start = p->place;
}

static void end_block(packer *p, uint32_t final)
{
    uint16_t lengths[LITERALS + DISTANCES];
    build_tree(p, &p->literals, 0);
    build_tree(p, &p->distances, 1);
    int first = write_lengths(p, &p->literals, lengths);
    int all = first + write_lengths(p, &p->distances, lengths + first);
    build_tree(p, &p->lengths, 2);
    int told = LENGTH_CODES;
    while (told > 4 && !p->lengths.lengths[ORDER[told - 1]])
        told--;
    p->bits += 3 * told + 14;
    int64_t own = (p->bits + 10) >> 3, fixed = (p->fixed_bits + 10) >> 3;
    int64_t stored = p->place - p->block_start, best = fixed < own ? fixed : own;
    if (p->strategy == FIXED)
        best = fixed;
    if (stored + 4 <= best && stored <= 65535 && p->block_start >= p->window_start) {
        put_bits(p, final, 3);
        end_byte(p);
        put_bits(p, (uint32_t)stored, 16);
        put_bits(p, (uint32_t)stored ^ 0xFFFF, 16);
        for (int64_t i = p->block_start; i < p->place; i++)
            put_byte(p, p->raw[i]);
    } else if (fixed == best) {
        put_bits(p, 2 | final, 3);
        for (int i = 0; i < LITERALS + 2; i++)
            p->literals.lengths[i] = (uint16_t)fixed_length(i);
        for (int i = 0; i < DISTANCES; i++)
            p->distances.lengths[i] = 5;
        assign_codes(&p->literals, LITERALS + 2);
        assign_codes(&p->distances, DISTANCES);
        put_symbols(p);
    } else {
        put_bits(p, 4 | final, 3);
        put_bits(p, (uint32_t)(p->literals.last + 1 - 257), 5);
        put_bits(p, (uint32_t)p->distances.last, 5);
        put_bits(p, (uint32_t)(told - 4), 4);
        for (int i = 0; i < told; i++)
            put_bits(p, p->lengths.lengths[ORDER[i]], 3);
        for (int i = 0; i < all; i++) {
            int symbol = lengths[i] & 31;
            put_bits(p, p->lengths.codes[symbol], p->lengths.lengths[symbol]);
            put_bits(p, lengths[i] >> 5, extra_bits(2, symbol));
        }
        put_symbols(p);
    }
    start_block(p);
}

/* Takes a literal, distance 0, or a match. Returns whether the block is full, or all is in vain. */
static int take(packer *p, int64_t distance, int length)
{
    int extra, rest;
    uint32_t symbol = (uint32_t)distance << 9 | (uint32_t)length;
    p->symbols[p->held_symbols++] = symbol;
    if (distance) {
        p->literals.frequency[END + 1 + length_code(length, &extra, &rest)]++;
        p->distances.frequency[distance_code((int)distance, &extra, &rest)]++;
    } else {
        p->literals.frequency[length]++;
    }
    p->other = p->taken < p->expected_count && p->expected[p->taken] != symbol;
    p->taken++;
    return p->held_symbols == p->most_symbols || p->other;
}

/* Where zlib has fewer than `ahead` bytes ahead, its window moves on. */
static void move_window(packer *p, int64_t ahead)
{
    int64_t end = p->window_start + 2 * p->window;
    if (end > p->size)
        end = p->size;
    if (end - p->place < ahead && p->place - p->window_start >= p->window + p->reach)
        p->window_start += p->window;
}

/* Puts the place among those that begin with the same three bytes; returns the last of them. */
static uint32_t insert(packer *p, int64_t place)
{
    const uint8_t *at = p->raw + place;
    int hash = (at[0] << 2 * p->shift ^ at[1] << p->shift ^ at[2]) & p->mask;
    uint32_t last = p->heads[hash];
    p->before[place & (p->window - 1)] = last;
    p->heads[hash] = (uint32_t)place;
    return last;
}

static uint16_t two(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, 2);
    return value;
}

/* The length of the longest match from a place on, of more than `best`, or that. */
static int longest_match(packer *p, uint32_t candidate, int best)
{
    const uint8_t *raw = p->raw, *here = raw + p->place;
    const uint32_t *before = p->before, place_mask = (uint32_t)p->window - 1;
    int64_t left = p->size - p->place;
    uint32_t limit = p->place > p->reach ? (uint32_t)(p->place - p->reach) : 0;
    int most = left < LONGEST ? (int)left : LONGEST;
    int chain = best >= p->effort.good ? p->effort.chain >> 2 : p->effort.chain;
    int nice = p->effort.nice < left ? p->effort.nice : (int)left;
    if (best >= most)
        return most;
    uint16_t start = two(here), end = two(here + best - 1);
    do {
        const uint8_t *there = raw + candidate;
        if (two(there + best - 1) != end || two(there) != start)
            continue;
        int length = 2;
        while (length < most && there[length] == here[length])
            length++;
        if (length > best) {
            p->found = candidate;
            best = length;
            if (length >= nice || length == most)
                break;
            end = two(here + best - 1);
        }
    } while ((candidate = before[candidate & place_mask]) > limit && --chain);
    return best;
}

static void pack_greedy(packer *p)
{
    while (p->place < p->size) {
        int length = 0;
        move_window(p, AHEAD);
        if (p->size - p->place >= LEAST) {
            uint32_t candidate = insert(p, p->place);
            if (candidate && p->place - candidate <= p->reach)
                length = longest_match(p, candidate, LEAST - 1);
        }
        int full;
        if (length >= LEAST) {
            full = take(p, p->place - p->found, length);
            int inserts = length <= p->effort.lazy && p->size - p->place - length >= LEAST;
            for (int i = 1; inserts && i < length; i++)
                insert(p, p->place + i);
            p->place += length;
        } else {
            full = take(p, 0, p->raw[p->place++]);
        }
        if (p->other)
            return;
        if (full)
            end_block(p, 0);
    }
}

static void pack_lazy(packer *p)
{
    int length = LEAST - 1, waiting = 0; /* waiting: the byte before is not yet taken */
    p->found = 0;
    while (p->place < p->size) {
        uint32_t candidate = 0;
        move_window(p, AHEAD);
        if (p->size - p->place >= LEAST)
            candidate = insert(p, p->place);
        int previous = length, full = 0;
        int64_t previous_found = p->found;
        length = LEAST - 1;
        if (candidate && previous < p->effort.lazy && p->place - candidate <= p->reach) {
            length = longest_match(p, candidate, previous);
            if (length <= 5 && (p->strategy == FILTERED ||
                                (length == LEAST && p->place - p->found > p->too_far)))
                length = LEAST - 1;
        }
        if (previous >= LEAST && length <= previous) {
            full = take(p, p->place - 1 - previous_found, previous);
            for (int i = 1; i < previous - 1; i++)
                if (p->place + i + LEAST <= p->size)
                    insert(p, p->place + i);
            p->place += previous - 1;
            waiting = 0;
            length = LEAST - 1;
            if (full)
                end_block(p, 0);
        } else {
            if (waiting) {
                full = take(p, 0, p->raw[p->place - 1]);
                if (full)
                    end_block(p, 0);
            }
            waiting = 1;
            p->place++;
        }
        if (p->other)
            return;
    }
    if (waiting)
        take(p, 0, p->raw[p->place - 1]);
}

static void pack_runs(packer *p)
{
    while (p->place < p->size) {
        int length = 0;
        move_window(p, p->strategy == RUNS ? LONGEST + 1 : 1);
        if (p->strategy == RUNS && p->place > 0)
            while (length < LONGEST && p->place + length < p->size &&
                   p->raw[p->place + length] == p->raw[p->place - 1])
                length++;
        int full = length >= LEAST ? take(p, 1, length) : take(p, 0, p->raw[p->place]);
        p->place += length >= LEAST ? length : 1;
        if (p->other)
            return;
        if (full)
            end_block(p, 0);
    }
}

/* Packs to a stream without header and checksum. scratch: 2**17 numbers; expected: the first
   symbols, distance << 9 | length or a literal, as far as they are known. The others are a variant's
   of files/packing/deflate.py. Returns the number of bytes written, 0 where `room` is too small or
   symbols are not those expected. */
INR_EXPORT int64_t inr_deflate(const uint8_t *raw, int64_t size, uint8_t *target, int64_t room,
                               uint32_t *scratch, const uint32_t *expected, int64_t expected_count,
                               int64_t level, int64_t window, int64_t memory, int64_t strategy,
                               int64_t too_far)
{
    packer p = {.raw = raw, .size = size, .target = target, .room = room, .too_far = too_far};
    p.expected = expected;
    p.expected_count = expected_count;
    p.effort = EFFORTS[level];
    p.window = (int64_t)1 << window;
    p.reach = p.window - AHEAD;
    p.strategy = (int)strategy;
    p.mask = (1 << (memory + 7)) - 1;
    p.shift = (int)(memory + 9) / 3;
    p.heads = scratch;
    p.before = scratch + HEADS;
    p.symbols = scratch + HEADS + WINDOW;
    p.most_symbols = (1 << (memory + 6)) - 1;
    memset(p.heads, 0, HEADS * sizeof *p.heads);
    start_block(&p);
    if (strategy == HUFFMAN || strategy == RUNS)
        pack_runs(&p);
    else if (level < 4)
        pack_greedy(&p);
    else
        pack_lazy(&p);
    if (p.other)
        return 0;
    move_window(&p, 1);
    end_block(&p, 1);
    end_byte(&p);
    return p.written <= room ? p.written : 0;
}
