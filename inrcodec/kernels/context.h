/* What the context model's loops share: a band of a step, tables, and vectors of 16-bit pairs.

   Everything works on BLOCK points of a row at a time, whether so many are left or not: what lies
   behind a row's end is read (the padding leaves room), computed and forgotten. All sums are proven
   to stay in 32 bits by context/networks.py and format_spec.md. */
#ifndef INR_CONTEXT_H
#define INR_CONTEXT_H

#include <stdint.h>
#include <string.h>

#include "context_vector.h"
#include "export.h"
#include "rangecoder.h"

#define BLOCK 64
#define PAD 5
#define UNIT_SAMPLES 1024
#define MAX_REFERENCES 2
#define OWN_COUNT 32  /* neighbours seen in the channel itself */
#define MAX_FRAMES 2
#define MAX_SEEN (MAX_REFERENCES + MAX_FRAMES)
#define RING_COUNT 20 /* and in each earlier one */
#define FRAME_COUNT 8 /* and in each other frame */
#define FINE_COUNT 16 /* and between those of a Y of more samples */
/* Inputs of a trunk network: neighbours, activities, brightness and place, windows; frames. */
#define TRUNK_INPUTS(references, fine, frames)                                                        \
    (OWN_COUNT + ((references) ? 2 : 0) + (RING_COUNT + 1) * (references) +                           \
     ((fine) ? FINE_COUNT : 0) + 1 + 4 + 3 + 4 * (references) + (FRAME_COUNT + 6) * (frames))
#define MAX_INPUTS TRUNK_INPUTS(MAX_REFERENCES, 1, MAX_FRAMES)
#define MAX_WIDTH 64
#define LIMIT 32767 /* of inputs, activations and weights */

typedef struct {
    const int32_t *weights; /* (outputs, pairs), two of 16 bits in each */
    const int32_t *biases, *shifts;
    int64_t outputs, pairs;
} inr_layer;

typedef struct {
    inr_layer first, second, last, bypass;
    int64_t inputs, bypassed;
} inr_network;

enum { INR_TABLE, INR_RUNS, INR_KEYS };

/* The colours of one source of evidence. INR_TABLE: counts of keys below each. INR_RUNS: where in
   values each prefix starts, and the values of this channel, sorted in each run. INR_KEYS: the keys,
   sorted. */
typedef struct {
    int64_t kind, number;
    const int32_t *counts;
    const uint16_t *values;
    const uint64_t *keys;
} inr_colours;

typedef struct {
    int32_t power[1024], log2[1024];
    uint32_t logistic[2049]; /* value << 12 | difference to the next */
} inr_tables;

/* A band of rows of one grid. */
typedef struct {
    int64_t row, col, cols, first, last, level; /* rows first .. last - 1 of the grid */
    int64_t height, width;                      /* of the channel */
    int64_t planes, exponent, own_base, references, frames;
    int64_t fine; /* whether the last reference has samples between those of the lattice */
    int64_t reference_bits[MAX_REFERENCES];
    uint16_t *own;
    const uint16_t *seen[MAX_SEEN]; /* the references, and the channel in other frames */
    const uint16_t *between[3]; /* the last reference's, half a step to the right, below, and both */
    int64_t phase_stride, row_stride;
    const inr_network *trunk, *plane;
    const inr_colours *colours; /* 1 + references */
    const inr_tables *tables;
    const uint16_t *truth; /* of the grid's rows from first on; NULL to decode */
    inr_encoder *encoder;
    inr_decoder *decoder;
    uint16_t *probabilities; /* (planes, n) of the band, or NULL */
    uint8_t *bits;
    int16_t *inputs; /* (planes, n, inputs of the plane network), or NULL */
} inr_band;

static inline int32_t inr_least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t inr_most(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int32_t inr_clip(int32_t v, int32_t low, int32_t high)
{
    return inr_least(inr_most(v, low), high);
}

static inline int32_t inr_abs(int32_t v)
{
    return v < 0 ? -v : v;
}

/* Two numbers of 16 bits in one of 32, the first in the low half. */
static inline int32_t inr_pair(int32_t a, int32_t b)
{
    return (int32_t)(((uint32_t)a & 0xFFFF) | (uint32_t)b << 16);
}

/* The sample at an offset (dy, dx) from point (i, j) of a grid (row, col), in lattice units. */
static inline const uint16_t *inr_at(const inr_band *b, const uint16_t *phases, int64_t i, int64_t j,
                                     int64_t dy, int64_t dx)
{
    const int64_t row = b->row + dy, col = b->col + dx;
    const int64_t phase = 2 * (row & 1) + (col & 1);
    const int64_t y = i + ((row - (row & 1)) / 2) + PAD, x = j + ((col - (col & 1)) / 2) + PAD;
    return phases + phase * b->phase_stride + y * b->row_stride + x;
}

/* Sums over windows of a row of points: own 3, then 5 for each that is seen: 3, products, squares. */
#define MAX_SUMS (3 + 5 * MAX_SEEN)
#define RING 9

typedef struct {
    int64_t width;   /* columns of each row here */
    int64_t next[2]; /* the first row of errors of each parity that is not there yet */
    int16_t *errors; /* (parity, channel, RING, width) */
    int32_t *columns; /* (5, width) */
    int32_t *sums;   /* (MAX_SUMS, width) */
} inr_windows;

void INR_NAME(inr_window_row)(const inr_band *b, inr_windows *w, int64_t i);
void INR_NAME(inr_inputs)(const inr_band *b, const inr_windows *w, int64_t i, int64_t j,
                          int32_t *restrict base, int32_t (*restrict inputs)[BLOCK]);
void INR_NAME(inr_run)(const inr_network *n, int32_t (*restrict inputs)[BLOCK],
                       int32_t (*restrict outputs)[BLOCK]);

#endif
