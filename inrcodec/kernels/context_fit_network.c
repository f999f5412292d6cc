/* A network's pass over a batch, forward and back: context/float_networks.py. */
#include "context_fit.h"

#include <stddef.h>
#include <string.h>

#define TALL (FLOATS == 8 ? 4 : 8) /* rows at a time: with two vectors each they fit the registers */

/* `rows` rows of c and `vectors` vectors of their columns. */
static inline __attribute__((always_inline)) void tile(const int rows, const int vectors, const float *a,
                                                       int64_t down, int64_t right, const float *b,
                                                       float *c, int64_t k, int64_t n, int add)
{
    floats sums[8][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sums[i][v] = add ? *(const floats *)(c + i * n + v * FLOATS) : inr_all(0);
    for (int64_t l = 0; l < k; l++) {
        floats some[2];
        for (int v = 0; v < vectors; v++)
            some[v] = *(const floats *)(b + l * n + v * FLOATS);
        for (int i = 0; i < rows; i++) {
            const floats one = inr_all(a[i * down + l * right]);
            for (int v = 0; v < vectors; v++)
                sums[i][v] = FUSED(one, some[v], sums[i][v]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            *(floats *)(c + i * n + v * FLOATS) = sums[i][v];
}

void INR_NAME(inr_fit_multiply)(const float *a, int64_t down, int64_t right, const float *b, float *c,
                                int64_t m, int64_t k, int64_t n, int add)
{
    for (int64_t j = 0; j < n; j += 2 * FLOATS) {
        const int two = j + 2 * FLOATS <= n;
        int64_t i = 0;
        for (; i + TALL <= m; i += TALL)
            if (two)
                tile(TALL, 2, a + i * down, down, right, b + j, c + i * n + j, k, n, add);
            else
                tile(TALL, 1, a + i * down, down, right, b + j, c + i * n + j, k, n, add);
        for (; i < m; i++)
            if (two)
                tile(1, 2, a + i * down, down, right, b + j, c + i * n + j, k, n, add);
            else
                tile(1, 1, a + i * down, down, right, b + j, c + i * n + j, k, n, add);
    }
}

/* The inputs of samples in networks' units, rows padded with zeros. */
static void gather(const inr_fit *f, const int32_t *order, int64_t points, float *restrict x)
{
    const int64_t inputs = f->inputs, apart = inr_padded(inputs);
    for (int64_t p = 0; p < points; p++) {
        const int16_t *row = f->rows + order[p] * inputs;
        if (p + 8 < points) {
            const char *ahead = (const char *)(f->rows + order[p + 8] * inputs);
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + 64);
        }
        for (int64_t i = 0; i < inputs; i++)
            x[p * apart + i] = f->unit * (float)row[i];
        for (int64_t i = inputs; i < apart; i++)
            x[p * apart + i] = 0;
    }
}

/* h = (h + biases) cut to 0 .. limit. */
static void activate(float *restrict h, const float *restrict biases, int64_t points, int64_t width,
                     float limit)
{
    for (int64_t p = 0; p < points; p++)
        for (int64_t i = 0; i < width; i++) {
            float v = h[p * width + i] + biases[i];
            v = v > 0 ? v : 0;
            h[p * width + i] = v < limit ? v : limit;
        }
}

/* What the loss changes by with sums that were cut, and by all of them with the biases. */
static void deactivate(float *restrict d, const float *restrict h, float *restrict biases, int64_t points,
                       int64_t width, float limit)
{
    for (int64_t p = 0; p < points; p++)
        for (int64_t i = 0; i < width; i++) {
            const float v = h[p * width + i];
            const float kept = v > 0 && v < limit ? d[p * width + i] : 0;
            d[p * width + i] = kept;
            biases[i] += kept;
        }
}

/* outputs += biases, and the first ones the bypass. */
static void finish(const inr_fit *f, const inr_fit_whole *w, const float *x, float *out, int64_t points)
{
    const int64_t apart = inr_padded(f->inputs);
    for (int64_t p = 0; p < points; p++) {
        floats sum = inr_all(0);
        for (int64_t i = 0; i < apart; i += FLOATS)
            sum = FUSED(*(const floats *)(x + p * apart + i), *(const floats *)(w->bypass + i), sum);
        float far = 0;
        for (int i = 0; i < FLOATS; i++)
            far += sum[i];
        for (int64_t o = 0; o < f->outputs; o++)
            out[p * FIT_OUTPUTS + o] += w->b3[o] + (o < f->bypassed ? f->bypass_scale * far : 0);
    }
}

/* What the loss changes by with the bypass and the last biases. */
static void unfinish(const inr_fit *f, const float *x, const float *d3, inr_fit_whole *slopes,
                     int64_t points)
{
    const int64_t apart = inr_padded(f->inputs);
    for (int64_t p = 0; p < points; p++) {
        float far = 0;
        for (int64_t o = 0; o < f->outputs; o++) {
            const float d = d3[p * FIT_OUTPUTS + o];
            slopes->b3[o] += d;
            far += o < f->bypassed ? d : 0;
        }
        const floats one = inr_all(f->bypass_scale * far);
        for (int64_t i = 0; i < apart; i += FLOATS) {
            floats *slope = (floats *)(slopes->bypass + i);
            *slope = FUSED(one, *(const floats *)(x + p * apart + i), *slope);
        }
    }
}

static void transpose(const float *from, int64_t rows, int64_t cols, float *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            to[j * rows + i] = from[i * cols + j];
}

double INR_NAME(inr_fit_batch)(const inr_fit *f, int64_t first, int64_t count, int learn)
{
    inr_fit_scratch *s = f->scratch;
    const inr_fit_whole *w = &s->weights;
    inr_fit_whole *d = &s->slopes;
    const int64_t inputs = inr_padded(f->inputs), width = inr_padded(f->width);
    double bits = 0;
    if (learn) {
        memset(d, 0, sizeof *d);
        transpose(w->w2, width, width, s->back2);
        transpose(w->w3, width, FIT_OUTPUTS, s->back3);
    }
    for (int64_t at = 0; at < count; at += POINTS) {
        const int64_t points = count - at < POINTS ? count - at : POINTS;
        const int32_t *order = f->order + first + at;
        gather(f, order, points, s->x);
        for (int64_t p = 0; p < points; p++) {
            s->low[p] = f->low[order[p]];
            if (f->high)
                s->high[p] = f->high[order[p]];
            s->floors[p] = f->floors ? f->floors[order[p]] : f->floor;
        }
        INR_NAME(inr_fit_multiply)(s->x, inputs, 1, w->w1, s->h1, points, f->inputs, width, 0);
        INR_NAME(inr_fit_shift)(f, order, points, 0, width, s->h1);
        activate(s->h1, w->b1, points, width, f->hidden_limit);
        INR_NAME(inr_fit_multiply)(s->h1, width, 1, w->w2, s->h2, points, width, width, 0);
        INR_NAME(inr_fit_shift)(f, order, points, FIT_WIDTH, width, s->h2);
        activate(s->h2, w->b2, points, width, f->hidden_limit);
        INR_NAME(inr_fit_multiply)(s->h2, width, 1, w->w3, s->out, points, width, FIT_OUTPUTS, 0);
        INR_NAME(inr_fit_shift)(f, order, points, 2 * FIT_WIDTH, FIT_OUTPUTS, s->out);
        finish(f, w, s->x, s->out, points);
        bits += INR_NAME(inr_fit_loss)(f, s->out, points, (float)count, s->d3);
        if (!learn)
            continue;
        INR_NAME(inr_fit_shift_slopes)(f, order, points, 2 * FIT_WIDTH, FIT_OUTPUTS, s->d3);
        unfinish(f, s->x, s->d3, d, points);
        INR_NAME(inr_fit_multiply)(s->h2, 1, width, s->d3, d->w3, width, points, FIT_OUTPUTS, 1);
        INR_NAME(inr_fit_multiply)(s->d3, FIT_OUTPUTS, 1, s->back3, s->d2, points, f->outputs, width, 0);
        deactivate(s->d2, s->h2, d->b2, points, width, f->hidden_limit);
        INR_NAME(inr_fit_shift_slopes)(f, order, points, FIT_WIDTH, width, s->d2);
        INR_NAME(inr_fit_multiply)(s->h1, 1, width, s->d2, d->w2, width, points, width, 1);
        INR_NAME(inr_fit_multiply)(s->d2, width, 1, s->back2, s->d1, points, width, width, 0);
        deactivate(s->d1, s->h1, d->b1, points, width, f->hidden_limit);
        INR_NAME(inr_fit_shift_slopes)(f, order, points, 0, width, s->d1);
        INR_NAME(inr_fit_multiply)(s->x, 1, inputs, s->d1, d->w1, f->inputs, points, width, 1);
    }
    return bits;
}
