/* context/networks.py: a network's layers, 16-bit pairs at a time. */
#include "context.h"

#if LANES == 16
typedef whole vector;
#define VECTORS 4 /* of points at a time */
#define TAKE LOAD
#define KEEP STORE
#define SPREAD ALL
#define DOT(sum, x, w) _mm512_dpwssd_epi32(sum, x, w)
#define SHIFT(v, n) _mm512_sra_epi32(v, _mm_cvtsi32_si128(n))
#define WIDE 16
#elif LANES == 8
typedef whole vector;
#define VECTORS 2
#define TAKE LOAD
#define KEEP STORE
#define SPREAD ALL
#define DOT(sum, x, w) _mm256_add_epi32(sum, _mm256_madd_epi16(x, w))
#define SHIFT(v, n) _mm256_sra_epi32(v, _mm_cvtsi32_si128(n))
#define WIDE 8
#elif defined(__SSE2__)
#include <emmintrin.h>
typedef __m128i vector;
#define VECTORS 2
#define TAKE(p) _mm_loadu_si128((const __m128i *)(p))
#define KEEP(p, v) _mm_storeu_si128((__m128i *)(p), v)
#define SPREAD(w) _mm_set1_epi32(w)
#define DOT(sum, x, w) _mm_add_epi32(sum, _mm_madd_epi16(x, w))
#define SHIFT(v, n) _mm_sra_epi32(v, _mm_cvtsi32_si128(n))
#define WIDE 4
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
typedef int32x4_t vector;
#define VECTORS 4
#define TAKE(p) vld1q_s32(p)
#define KEEP(p, v) vst1q_s32(p, v)
#define SPREAD(w) vdupq_n_s32(w)
#define SHIFT(v, n) vshlq_s32(v, vdupq_n_s32(-(n)))
#define WIDE 4
static inline vector dot(vector sum, vector x, vector w)
{
    const int16x8_t a = vreinterpretq_s16_s32(x), b = vreinterpretq_s16_s32(w);
    const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
    return vaddq_s32(sum, vpaddq_s32(low, vmull_high_s16(a, b)));
}
#define DOT(sum, x, w) dot(sum, x, w)
#else
typedef int32_t vector;
#define VECTORS 4
#define TAKE(p) (*(p))
#define KEEP(p, v) (*(p) = (v))
#define SPREAD(w) (w)
#define SHIFT(v, n) ((v) >> (n))
#define WIDE 1
static inline vector dot(vector sum, vector x, vector w)
{
    const int32_t low = (int32_t)(int16_t)(uint16_t)x * (int16_t)(uint16_t)w;
    return sum + low + (x >> 16) * (w >> 16);
}
#define DOT(sum, x, w) dot(sum, x, w)
#endif

/* `count` rows of a layer from row o on, at all points. */
static inline __attribute__((always_inline)) void rows(const inr_layer *l, int64_t o, const int count,
                                                       int32_t (*restrict pairs)[BLOCK],
                                                       int32_t (*restrict out)[BLOCK])
{
    const int32_t *restrict weights = l->weights + o * l->pairs;
    for (int at = 0; at < BLOCK; at += WIDE * VECTORS) {
        vector sums[4][VECTORS];
        for (int k = 0; k < count; k++)
            for (int v = 0; v < VECTORS; v++)
                sums[k][v] = SPREAD(l->biases[o + k]);
        for (int64_t i = 0; i < l->pairs; i++) {
            vector x[VECTORS];
            for (int v = 0; v < VECTORS; v++)
                x[v] = TAKE(pairs[i] + at + v * WIDE);
            for (int k = 0; k < count; k++) {
                const vector w = SPREAD(weights[k * l->pairs + i]);
                for (int v = 0; v < VECTORS; v++)
                    sums[k][v] = DOT(sums[k][v], x[v], w);
            }
        }
        for (int k = 0; k < count; k++)
            for (int v = 0; v < VECTORS; v++)
                KEEP(out[o + k] + at + v * WIDE, SHIFT(sums[k][v], l->shifts[o + k]));
    }
}

static void apply(const inr_layer *l, int32_t (*restrict pairs)[BLOCK], int32_t (*restrict out)[BLOCK])
{
    int64_t o = 0;
    for (; o + 4 <= l->outputs; o += 4)
        rows(l, o, 4, pairs, out);
    for (; o < l->outputs; o++)
        rows(l, o, 1, pairs, out);
}

/* Rows of numbers, cut to low .. LIMIT, as rows of pairs; an odd one has zeros beside it. */
static void join(int32_t (*restrict numbers)[BLOCK], int64_t count, int32_t low,
                 int32_t (*restrict pairs)[BLOCK])
{
    for (int64_t i = 0; i < count; i += 2) {
        const int32_t *a = numbers[i], *b = numbers[i + 1 < count ? i + 1 : i];
        const int32_t second = i + 1 < count ? -1 : 0;
        int32_t *restrict out = pairs[i / 2];
        for (int p = 0; p < BLOCK; p++)
            out[p] = inr_pair(inr_clip(a[p], low, LIMIT), inr_clip(b[p], low, LIMIT) & second);
    }
}

void INR_NAME(inr_run)(const inr_network *n, int32_t (*restrict inputs)[BLOCK],
                       int32_t (*restrict outputs)[BLOCK])
{
    int32_t x[MAX_INPUTS / 2][BLOCK], h[MAX_WIDTH / 2][BLOCK], hidden[MAX_WIDTH][BLOCK], far[1][BLOCK];
    join(inputs, n->inputs, -LIMIT, x);
    apply(&n->first, x, hidden);
    join(hidden, n->first.outputs, 0, h);
    apply(&n->second, h, hidden);
    join(hidden, n->second.outputs, 0, h);
    apply(&n->last, h, outputs);
    apply(&n->bypass, x, far);
    for (int64_t o = 0; o < n->bypassed; o++)
        for (int p = 0; p < BLOCK; p++)
            outputs[o][p] += far[0][p];
}
