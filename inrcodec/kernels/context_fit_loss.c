/* The losses of a fit, in bits, and their slopes: context/float_networks.py, MixtureLoss and
   plane_loss. */
#include "context_fit.h"

#include <string.h>

#define LN2 0.6931471805599453f
#define COMPONENTS 3
#define MIN_LOG_SCALE -6
#define MAX_LOG_SCALE 10

static inline floats least(floats a, floats b)
{
    const wholes less = a < b;
    return (floats)(((wholes)a & less) | ((wholes)b & ~less));
}

static inline floats most(floats a, floats b)
{
    const wholes more = a > b;
    return (floats)(((wholes)a & more) | ((wholes)b & ~more));
}

/* 2^v, v from -126 to 126; to 1e-7 of it (Taylor's series of the fraction about 0). */
static inline floats exp2_of(floats v)
{
    v = most(least(v, inr_all(126)), inr_all(-126));
    const floats rounder = inr_all(12582912.0f); /* 1.5 * 2^23 */
    const floats shifted = v + rounder;
    const floats x = v - (shifted - rounder);
    floats p = inr_all(1.5403530e-4f);
    p = FUSED(p, x, inr_all(1.3333558e-3f));
    p = FUSED(p, x, inr_all(9.6181291e-3f));
    p = FUSED(p, x, inr_all(5.5504109e-2f));
    p = FUSED(p, x, inr_all(2.4022651e-1f));
    p = FUSED(p, x, inr_all(6.9314718e-1f));
    p = FUSED(p, x, inr_all(1.0f));
    const wholes exponent = ((wholes)shifted - (wholes)rounder) * (1 << 23);
    return (floats)((wholes)p + exponent);
}

/* log2 of normal numbers above 0, to 1e-6 (the series of atanh, about 1). */
static inline floats log2_of(floats v)
{
    const wholes bits = (wholes)v - 0x3F3504F3; /* from sqrt(1/2) to sqrt(2) about each power */
    const wholes exponent = bits >> 23;
    const floats m = (floats)((bits & 0x7FFFFF) + 0x3F3504F3);
    const floats t = (m - 1) / (m + 1), s = t * t;
    floats p = inr_all(2.0f / 9);
    p = FUSED(p, s, inr_all(2.0f / 7));
    p = FUSED(p, s, inr_all(2.0f / 5));
    p = FUSED(p, s, inr_all(2.0f / 3));
    p = FUSED(p, s, inr_all(2.0f));
    return FUSED(t * p, inr_all(1 / LN2), __builtin_convertvector(exponent, floats));
}

/* 1 / (1 + 2^-v) */
static inline floats logistic(floats v)
{
    return 1 / (1 + exp2_of(-v));
}

/* v, or -v where a bit mask of signs has them. */
static inline floats turned(floats v, wholes signs)
{
    return (floats)((wholes)v ^ signs);
}

/* Column o of a few rows of outputs; those behind the last one are zeros. */
static inline floats column(const float *outputs, int64_t o, int64_t rows)
{
    float values[FLOATS] = {0};
    for (int64_t i = 0; i < rows; i++)
        values[i] = outputs[i * FIT_OUTPUTS + o];
    return *(const floats *)values;
}

static inline void put_column(floats values, float *slopes, int64_t o, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        slopes[i * FIT_OUTPUTS + o] = values[i];
}

static inline floats some(const float *from, int64_t count)
{
    floats values = inr_all(0);
    memcpy(&values, from, (size_t)count * sizeof *from);
    return values;
}

static double sum(floats values, int64_t count)
{
    double total = 0;
    for (int64_t i = 0; i < count; i++)
        total += (double)values[i];
    return total;
}

/* Bits of up to FLOATS samples under their mixtures; which of them are in [low, high) and the floors
   are in the scratch from `at` on. */
static floats mixture(const inr_fit *f, const float *outputs, int64_t at, int64_t count, float batch,
                      float *slopes)
{
    const floats low = some(f->scratch->low + at, count), high = some(f->scratch->high + at, count);
    floats out[MIXTURE_OUTPUTS], rate[COMPONENTS], weight[COMPONENTS], between[COMPONENTS];
    floats of_mean[COMPONENTS], of_scale[COMPONENTS];
    for (int o = 0; o < MIXTURE_OUTPUTS; o++)
        out[o] = column(outputs, o, count);
    const floats top = most(most(out[6], out[7]), out[8]);
    for (int c = 0; c < COMPONENTS; c++)
        weight[c] = exp2_of(out[6 + c] - top);
    const floats total = 1 / (weight[0] + weight[1] + weight[2]);
    floats p = inr_all(0);
    for (int c = 0; c < COMPONENTS; c++) {
        weight[c] *= total;
        /* z in powers of two, as the logistics are */
        rate[c] = exp2_of(-most(least(out[3 + c], inr_all(MAX_LOG_SCALE)), inr_all(MIN_LOG_SCALE)));
        const floats below = (low - out[c]) * rate[c], above = (high - out[c]) * rate[c];
        /* on the side where both are small, so that their difference is exact enough */
        const wholes side = (below + above > 0) & INT32_MIN;
        const floats a = logistic(turned(below, side)), b = logistic(turned(above, side));
        const floats slope_a = a * (1 - a), slope_b = b * (1 - b);
        between[c] = turned(b - a, side);
        of_mean[c] = slope_a - slope_b;
        of_scale[c] = below * slope_a - above * slope_b;
        p += weight[c] * between[c];
    }
    const floats mixed = p + some(f->scratch->floors + at, count);
    const floats common = -1 / (LN2 * batch) / mixed;
    for (int c = 0; c < COMPONENTS; c++) {
        const floats w = common * weight[c];
        put_column(w * rate[c] * LN2 * of_mean[c], slopes, c, count);
        put_column(w * of_scale[c] * (LN2 * LN2), slopes, 3 + c, count);
        put_column(w * (between[c] - p) * LN2, slopes, 6 + c, count);
    }
    return -log2_of(mixed);
}

/* The same of bits under their log-odds. */
static floats decisions(const inr_fit *f, const float *outputs, int64_t at, int64_t count, float batch,
                        float *slopes)
{
    const floats bit = some(f->scratch->low + at, count), logit = column(outputs, 0, count);
    /* log2(1 + 2^u) = max(u, 0) + log2(1 + 2^-|u|), u towards the other bit */
    const floats u = logit * (1 - 2 * bit), size = most(u, -u);
    put_column((logistic(logit) - bit) / batch, slopes, 0, count);
    return most(u, inr_all(0)) + log2_of(1 + exp2_of(-size));
}

double INR_NAME(inr_fit_loss)(const inr_fit *f, const float *outputs, int64_t points, float batch,
                              float *slopes)
{
    double bits = 0;
    memset(slopes, 0, (size_t)points * FIT_OUTPUTS * sizeof *slopes);
    for (int64_t at = 0; at < points; at += FLOATS) {
        const int64_t count = points - at < FLOATS ? points - at : FLOATS, first = at * FIT_OUTPUTS;
        const floats each = f->high ? mixture(f, outputs + first, at, count, batch, slopes + first)
                                    : decisions(f, outputs + first, at, count, batch, slopes + first);
        bits += sum(each, count);
    }
    return bits;
}
