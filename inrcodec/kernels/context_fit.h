/* The fit of one network in float32: what the files context_fit*.c share.

   Nothing here decides a bit of a file: it only chooses weights, whose rounded integers the file
   holds. It gives the same on one machine, not on all. */
#ifndef INR_CONTEXT_FIT_H
#define INR_CONTEXT_FIT_H

#include <stdint.h>

#include "export.h"

#if defined(__AVX512F__)
#define FLOATS 16
#elif defined(__AVX2__)
#define FLOATS 8
#else
#define FLOATS 4
#endif
typedef float floats __attribute__((vector_size(4 * FLOATS), aligned(4), may_alias));
typedef int32_t wholes __attribute__((vector_size(4 * FLOATS), aligned(4), may_alias));

#if defined(__AVX512F__)
#include <immintrin.h>
#define FUSED(a, b, c) ((floats)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#elif defined(__AVX2__)
#include <immintrin.h>
#define FUSED(a, b, c) ((floats)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define FUSED(a, b, c) ((floats)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#else
#define FUSED(a, b, c) ((a) * (b) + (c))
#endif

static inline floats inr_all(float v)
{
    return (floats){0} + v;
}

/* How far apart rows of so many numbers are. */
static inline int64_t inr_padded(int64_t count)
{
    return (count + 15) & ~(int64_t)15;
}

#define POINTS 128     /* of a batch at a time */
#define FIT_INPUTS 144  /* at most, and a multiple of 16 */
#define FIT_WIDTH 64
#define FIT_OUTPUTS 16 /* 9 or 1 are used */
#define MIXTURE_OUTPUTS 9
#define FIT_SHIFTS (2 * FIT_WIDTH + FIT_OUTPUTS) /* of the biases b1, b2 and b3 of a version */

enum { FIT_W1, FIT_U1, FIT_V1, FIT_B1, FIT_W2, FIT_U2, FIT_V2, FIT_B2, FIT_W3, FIT_B3, FIT_BYPASS,
       FIT_TENSORS };
enum { FIT_INT, FIT_FP16, FIT_TERNARY };

/* A tensor that is stored: where it lies among all weights (-1: there is none), its rows and columns,
   what it is rounded to a multiple of in the int form, and its largest magnitude. */
typedef struct {
    int64_t at, rows, cols;
    float step, limit;
} inr_fit_tensor;

/* Weights that a network runs with, and what the loss changes by with each. Matrices have a row for
   each input, the bypass is one row. */
typedef struct {
    float w1[FIT_INPUTS * FIT_WIDTH], w2[FIT_WIDTH * FIT_WIDTH], w3[FIT_WIDTH * FIT_OUTPUTS];
    float b1[FIT_WIDTH], b2[FIT_WIDTH], b3[FIT_OUTPUTS], bypass[FIT_INPUTS];
} inr_fit_whole;

typedef struct {
    inr_fit_whole weights, slopes;
    float back2[FIT_WIDTH * FIT_WIDTH], back3[FIT_OUTPUTS * FIT_WIDTH]; /* w2 and w3 transposed */
    float x[POINTS * FIT_INPUTS], h1[POINTS * FIT_WIDTH], h2[POINTS * FIT_WIDTH];
    float d1[POINTS * FIT_WIDTH], d2[POINTS * FIT_WIDTH];
    float out[POINTS * FIT_OUTPUTS], d3[POINTS * FIT_OUTPUTS];
    float low[POINTS], high[POINTS], floors[POINTS];
} inr_fit_scratch;

/* What the biases are shifted by for the samples of each version, where a prior is trained. */
typedef struct {
    const int32_t *of;                     /* (n,): the version of each sample */
    float *shifts, *first, *second, *slopes; /* (versions, FIT_SHIFTS) each */
    int32_t *seen;                         /* (versions,): whether a batch has samples of it */
    int64_t count;                         /* of versions */
    float rate, penalty; /* part of the rate that they learn at; what the sum of their squares costs */
} inr_fit_versions;

typedef struct {
    int64_t inputs, width, outputs, bypassed, rank;
    int64_t form, rounding, weights; /* rounding: whether weights are rounded; weights: how many */
    inr_fit_tensor tensors[FIT_TENSORS];
    const int16_t *rows;     /* (n, inputs) */
    const int32_t *order;    /* (n,): the rows of a batch are one after the other in it */
    const float *low, *high; /* (n,): bounds of samples; of a plane INR low is the bits, high NULL */
    const float *floors;     /* (n,): floor by sample, or NULL */
    float unit, floor, bypass_scale, hidden_limit;
    const float *centre, *basis; /* (inputs,), (inputs, inputs): what whitens them */
    const inr_fit_whole *prior;  /* or NULL */
    const inr_fit_versions *versions; /* or NULL */
    float *parameters, *first, *second, *slopes, *stored, *real; /* (weights,) each */
    double *squares;             /* (FIT_TENSORS,): of slopes, added up */
    double count;                /* of all samples, which the rate of weights is divided by */
    int64_t steps;
    inr_fit_scratch *scratch;
} inr_fit;

/* The parts of Adam's step (Kingma & Ba 2015, algorithm 1) that are the same for all weights. */
typedef struct {
    float by, under;
} inr_fit_adam;

/* c (m, n) = a (m, k) b (k, n), added to what is there if `add`. a's element (i, l) is
   a[i * down + l * right]; n is a multiple of FLOATS; rows of b and c are n apart. */
void INR_NAME(inr_fit_multiply)(const float *a, int64_t down, int64_t right, const float *b, float *c,
                                int64_t m, int64_t k, int64_t n, int add);
/* Bits of `points` samples in all, and by what they change with each output, divided by `batch`. */
double INR_NAME(inr_fit_loss)(const inr_fit *f, const float *outputs, int64_t points, float batch,
                              float *slopes);
/* One step of `count` parameters, given their moments and slopes. */
void INR_NAME(inr_fit_learn)(inr_fit_adam adam, float *parameters, float *first, float *second,
                             const float *slopes, int64_t count);
/* Shifts of biases, `width` of them from `at` on: added to the rows of points; and their slopes, of those
   of the rows. */
void INR_NAME(inr_fit_shift)(const inr_fit *f, const int32_t *order, int64_t points, int64_t at,
                             int64_t width, float *rows);
void INR_NAME(inr_fit_shift_slopes)(const inr_fit *f, const int32_t *order, int64_t points, int64_t at,
                                    int64_t width, const float *rows);
/* The step that the shifts of the versions in a batch learn by. */
void INR_NAME(inr_fit_learn_versions)(const inr_fit *f, inr_fit_adam adam);
/* Bits of the samples first .. first + count - 1 of the order in all; slopes of the mean if `learn`. */
double INR_NAME(inr_fit_batch)(const inr_fit *f, int64_t first, int64_t count, int learn);

#endif
