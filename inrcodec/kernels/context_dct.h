/* What the loops over a component's DCT coefficients share (jpeg/coefficients/inputs.py, jpeg/coefficients/magnitudes.py).

   Planes have a value a block, with DCT_PAD rows and columns of zeros around them; they lie one after
   the other, `plane` numbers apart. */
#ifndef INR_CONTEXT_DCT_H
#define INR_CONTEXT_DCT_H

#include "context.h"

#define DCT_PAD 2
#define DCT_REFERENCES 2
#define DCT_OWN 9          /* magnitudes of the own block that are seen one by one, */
#define DCT_SIGNED 5       /* of which the first with their signs */
#define DCT_RECENT 6       /* frequencies in two windows of magnitudes */
#define DCT_LONG_AGO 16
#define DCT_NEARBY 3       /* frequencies of neighbours that are seen together */
#define DCT_OF_OTHERS 5    /* frequencies of references */
#define DCT_INPUTS(references) (50 + 10 * (references))
#define DCT_MOST 16383     /* of a coefficient's magnitude */
#define DCT_FINER 4        /* bits of mixtures' units below those of inputs */

/* A component as far as it is known. */
typedef struct {
    int64_t rows, cols, plane, row_stride, references;
    int32_t *values;                          /* 64 planes */
    int32_t *edges;                           /* (4, 8) planes: at the left, right, upper, lower border */
    const int32_t *reference[DCT_REFERENCES]; /* 64 planes each, in quarters of this one's steps */
    int64_t *products[DCT_REFERENCES];        /* 2 planes each */
    int32_t *recent, *count, *run, *total, *nearby, *ring; /* a plane each, of the frequency at hand */
} inr_dct;

/* jpeg/coefficients/frequencies.py's Frequency. */
typedef struct {
    int64_t place, u, v, step, exponent, level;
    int64_t own[DCT_OWN], nearby[DCT_NEARBY], others[DCT_OF_OTHERS];
    int64_t own_factor[DCT_SIGNED], edge_factor[2];
    int64_t recent, long_ago, following, before, log_step;
} inr_frequency;

/* Some rows of a step: blocks of rows first .. last - 1 with i + j even (0) or odd (1). */
typedef struct {
    inr_dct *component;
    const inr_frequency *frequency;
    int64_t step, first, last;
    const inr_network *network;
    const inr_tables *tables;
    const int16_t *truth; /* (rows, cols, 64) of the component; NULL to decode */
    inr_encoder *encoder;
    inr_decoder *decoder;
} inr_dct_step;

#endif
