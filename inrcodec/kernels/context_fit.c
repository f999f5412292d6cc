/* A step of a fit: from what is optimised to the weights that a file would hold and back, and Adam.
   context/float_networks.py says what is computed. */
#include "context_fit.h"

#include <stddef.h>
#include <string.h>

#define LN2 0.6931471805599453f
#define BETA1 0.9f
#define BETA2 0.99f
#define EPSILON 1e-8f

INR_EXPORT int64_t INR_NAME(inr_fit_scratch_bytes)(void)
{
    return (int64_t)sizeof(inr_fit_scratch);
}

static inline float size_of(float v)
{
    return v < 0 ? -v : v;
}

static inline float clip(float v, float limit)
{
    return v > limit ? limit : v < -limit ? -limit : v == v ? v : 0;
}

/* The nearest whole number, halves to even; magnitudes below 2^22. */
static inline float nearest(float v)
{
    const float rounder = 12582912.0f;
    const float shifted = v + rounder;
    return shifted - rounder;
}

static int32_t bits_of(float v)
{
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static float of_bits(int32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The nearest half-precision number; magnitudes of 1024 at most. */
static float half(float v)
{
    const int32_t exponent = (bits_of(v) >> 23 & 255) - 127;
    const float unit = of_bits(((exponent < -14 ? -14 : exponent) - 10 + 127) << 23);
    return nearest(v / unit) * unit;
}

/* Where a tensor lies in an array of all weights; NULL where there is none. */
static float *part(const inr_fit *f, float *of, int tensor)
{
    return f->tensors[tensor].at < 0 ? NULL : of + f->tensors[tensor].at;
}

/* rows (n, inputs) times the basis, which is symmetric; in place. */
static void whiten(const inr_fit *f, float *rows, int64_t n)
{
    float row[FIT_INPUTS];
    for (int64_t i = 0; i < n; i++, rows += f->inputs) {
        memset(row, 0, sizeof row);
        for (int64_t j = 0; j < f->inputs; j++)
            for (int64_t k = 0; k < f->inputs; k++)
                row[k] += rows[j] * f->basis[j * f->inputs + k];
        memcpy(rows, row, (size_t)f->inputs * sizeof *row);
    }
}

static float dot(const float *a, const float *b, int64_t n)
{
    floats sums = {0};
    int64_t i = 0;
    for (; i + FLOATS <= n; i += FLOATS)
        sums = FUSED(*(const floats *)(a + i), *(const floats *)(b + i), sums);
    float sum = 0;
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (i = 0; i < FLOATS; i++)
        sum += sums[i];
    return sum;
}

/* A row in the ternary form: -1, 0 or 1 times its scale. */
static void store_ternary(const float *from, int64_t cols, float limit, float *to)
{
    float mean = 0;
    for (int64_t j = 0; j < cols; j++)
        mean += size_of(clip(from[j], limit));
    mean /= (float)cols;
    mean = mean > 1.0f / 16384 ? mean : 1.0f / 16384;
    for (int64_t j = 0; j < cols; j++)
        to[j] = clip(nearest(clip(from[j] / mean, 2)), 1) * half(mean);
}

/* The tensors for the inputs as they are, of what is optimised for whitened ones. */
static void unwhiten(const inr_fit *f)
{
    const int64_t inputs = f->inputs;
    memcpy(f->real, f->parameters, (size_t)f->weights * sizeof *f->real);
    float *w1 = part(f, f->real, FIT_W1), *u1 = part(f, f->real, FIT_U1), *v1 = part(f, f->real, FIT_V1);
    float *b1 = part(f, f->real, FIT_B1), *b3 = part(f, f->real, FIT_B3);
    float *bypass = part(f, f->real, FIT_BYPASS);
    if (w1) {
        whiten(f, w1, f->width);
        for (int64_t o = 0; o < f->width; o++) {
            const float *row = w1 + o * inputs;
            if (f->rounding && f->form == FIT_TERNARY) {
                /* these are so far from real ones that a bias has to suit what is stored */
                float *stored = part(f, f->stored, FIT_W1) + o * inputs;
                store_ternary(row, inputs, f->tensors[FIT_W1].limit, stored);
                row = stored;
            }
            b1[o] -= dot(row, f->centre, inputs);
        }
    } else {
        whiten(f, v1, f->rank);
        for (int64_t r = 0; r < f->rank; r++) {
            const float at_centre = dot(v1 + r * inputs, f->centre, inputs);
            for (int64_t o = 0; o < f->width; o++)
                b1[o] -= u1[o * f->rank + r] * at_centre;
        }
    }
    whiten(f, bypass, 1);
    const float at_centre = f->bypass_scale * dot(bypass, f->centre, inputs);
    for (int64_t o = 0; o < f->bypassed; o++)
        b3[o] -= at_centre;
}

/* From slopes of real to those of parameters, in place. */
static void unwhiten_back(const inr_fit *f)
{
    const int64_t inputs = f->inputs, rank = f->rank;
    float *d = f->slopes, *w1 = part(f, d, FIT_W1), *u1 = part(f, d, FIT_U1), *v1 = part(f, d, FIT_V1);
    const float *b1 = part(f, d, FIT_B1), *b3 = part(f, d, FIT_B3);
    float *bypass = part(f, d, FIT_BYPASS);
    if (w1) {
        for (int64_t o = 0; o < f->width; o++)
            for (int64_t i = 0; i < inputs; i++)
                w1[o * inputs + i] -= b1[o] * f->centre[i];
        whiten(f, w1, f->width);
    } else {
        const float *u = part(f, f->real, FIT_U1), *v = part(f, f->real, FIT_V1);
        for (int64_t r = 0; r < rank; r++) {
            const float at_centre = dot(v + r * inputs, f->centre, inputs);
            float of_it = 0;
            for (int64_t o = 0; o < f->width; o++) {
                of_it += u[o * rank + r] * b1[o];
                u1[o * rank + r] -= b1[o] * at_centre;
            }
            for (int64_t i = 0; i < inputs; i++)
                v1[r * inputs + i] -= of_it * f->centre[i];
        }
        whiten(f, v1, rank);
    }
    float far = 0;
    for (int64_t o = 0; o < f->bypassed; o++)
        far += f->bypass_scale * b3[o];
    for (int64_t i = 0; i < inputs; i++)
        bypass[i] -= far * f->centre[i];
    whiten(f, bypass, 1);
}

/* stored = real, rounded as the file will hold it. */
static void store(const inr_fit *f)
{
    if (!f->rounding) {
        memcpy(f->stored, f->real, (size_t)f->weights * sizeof *f->stored);
        return;
    }
    for (int n = 0; n < FIT_TENSORS; n++) {
        const inr_fit_tensor *t = &f->tensors[n];
        if (t->at < 0)
            continue;
        const float *from = f->real + t->at;
        float *to = f->stored + t->at;
        for (int64_t i = 0; i < t->rows; i++, from += t->cols, to += t->cols) {
            if (f->form == FIT_INT) {
                for (int64_t j = 0; j < t->cols; j++)
                    to[j] = nearest(clip(from[j], t->limit) / t->step) * t->step;
            } else if (f->form == FIT_TERNARY && (n == FIT_W1 || n == FIT_W2 || n == FIT_W3)) {
                store_ternary(from, t->cols, t->limit, to);
            } else {
                for (int64_t j = 0; j < t->cols; j++)
                    to[j] = half(clip(from[j], t->limit));
            }
        }
    }
}

/* to (inputs, apart) += from (rows, inputs) transposed. */
static void add_transposed(const float *from, int64_t rows, int64_t inputs, float *to, int64_t apart)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < inputs; j++)
            to[j * apart + i] += from[i * inputs + j];
}

static void add(const float *from, int64_t count, float *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] += from[i];
}

/* to (inputs, apart) += v (rank, inputs) transposed times u (rows, rank) transposed. */
static void add_product(const float *u, const float *v, int64_t rows, int64_t inputs, int64_t rank,
                        float *to, int64_t apart)
{
    float column[FIT_WIDTH];
    for (int64_t r = 0; r < rank; r++) {
        for (int64_t o = 0; o < rows; o++)
            column[o] = u[o * rank + r];
        for (int64_t j = 0; j < inputs; j++)
            for (int64_t o = 0; o < rows; o++)
                to[j * apart + o] += v[r * inputs + j] * column[o];
    }
}

/* The weights to run with, of what is stored. */
static void assemble(const inr_fit *f)
{
    inr_fit_whole *w = &f->scratch->weights;
    const int64_t inputs = f->inputs, width = f->width, apart = inr_padded(width);
    if (f->prior)
        memcpy(w, f->prior, sizeof *w);
    else
        memset(w, 0, sizeof *w);
    if (part(f, f->stored, FIT_W1))
        add_transposed(part(f, f->stored, FIT_W1), width, inputs, w->w1, apart);
    else
        add_product(part(f, f->stored, FIT_U1), part(f, f->stored, FIT_V1), width, inputs, f->rank, w->w1,
                    apart);
    if (part(f, f->stored, FIT_W2))
        add_transposed(part(f, f->stored, FIT_W2), width, width, w->w2, apart);
    else
        add_product(part(f, f->stored, FIT_U2), part(f, f->stored, FIT_V2), width, width, f->rank, w->w2,
                    apart);
    add_transposed(part(f, f->stored, FIT_W3), f->outputs, width, w->w3, FIT_OUTPUTS);
    add(part(f, f->stored, FIT_B1), width, w->b1);
    add(part(f, f->stored, FIT_B2), width, w->b2);
    add(part(f, f->stored, FIT_B3), f->outputs, w->b3);
    add(part(f, f->stored, FIT_BYPASS), inputs, w->bypass);
}

/* to (rows, inputs) = from (inputs, apart) transposed. */
static void take_transposed(const float *from, int64_t rows, int64_t inputs, int64_t apart, float *to)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < inputs; j++)
            to[i * inputs + j] = from[j * apart + i];
}

/* Slopes of the factors u (rows, rank) and v (rank, inputs), of those d (inputs, apart) of their
   product transposed. */
static void factor_slopes(const float *d, const float *u, const float *v, int64_t rows, int64_t inputs,
                          int64_t apart, int64_t rank, float *du, float *dv)
{
    float column[FIT_WIDTH], sums[FIT_WIDTH];
    for (int64_t r = 0; r < rank; r++) {
        for (int64_t o = 0; o < rows; o++) {
            column[o] = u[o * rank + r];
            sums[o] = 0;
        }
        for (int64_t j = 0; j < inputs; j++) {
            const float *row = d + j * apart;
            dv[r * inputs + j] = dot(row, column, rows);
            for (int64_t o = 0; o < rows; o++)
                sums[o] += v[r * inputs + j] * row[o];
        }
        for (int64_t o = 0; o < rows; o++)
            du[o * rank + r] = sums[o];
    }
}

/* Slopes of what is stored, of those of the weights it is assembled to; rounding is passed through. */
static void disassemble(const inr_fit *f)
{
    const inr_fit_whole *d = &f->scratch->slopes;
    const int64_t inputs = f->inputs, width = f->width, apart = inr_padded(width);
    float *to = f->slopes, *st = f->stored;
    if (part(f, to, FIT_W1))
        take_transposed(d->w1, width, inputs, apart, part(f, to, FIT_W1));
    else
        factor_slopes(d->w1, part(f, st, FIT_U1), part(f, st, FIT_V1), width, inputs, apart, f->rank,
                      part(f, to, FIT_U1), part(f, to, FIT_V1));
    if (part(f, to, FIT_W2))
        take_transposed(d->w2, width, width, apart, part(f, to, FIT_W2));
    else
        factor_slopes(d->w2, part(f, st, FIT_U2), part(f, st, FIT_V2), width, width, apart, f->rank,
                      part(f, to, FIT_U2), part(f, to, FIT_V2));
    take_transposed(d->w3, f->outputs, width, FIT_OUTPUTS, part(f, to, FIT_W3));
    memcpy(part(f, to, FIT_B1), d->b1, (size_t)width * sizeof(float));
    memcpy(part(f, to, FIT_B2), d->b2, (size_t)width * sizeof(float));
    memcpy(part(f, to, FIT_B3), d->b3, (size_t)f->outputs * sizeof(float));
    memcpy(part(f, to, FIT_BYPASS), d->bypass, (size_t)inputs * sizeof(float));
}

/* Adds what the weights' own bits change by: each as a Laplace distribution per tensor has it. */
static void add_rate(const inr_fit *f)
{
    for (int n = 0; n < FIT_TENSORS; n++) {
        const inr_fit_tensor *t = &f->tensors[n];
        const int64_t count = t->rows * t->cols;
        if (t->at < 0)
            continue;
        const float *real = f->real + t->at;
        double sum = 0;
        for (int64_t i = 0; i < count; i++)
            sum += (double)size_of(real[i]);
        const double mean = sum / (double)count + (double)t->step / 4;
        const float slope = (float)((f->prior ? 2 : 1) / (mean * (double)LN2 * f->count));
        for (int64_t i = 0; i < count; i++)
            f->slopes[t->at + i] += real[i] > 0 ? slope : real[i] < 0 ? -slope : 0;
    }
}

static void add_squares(const inr_fit *f)
{
    for (int n = 0; n < FIT_TENSORS; n++) {
        const inr_fit_tensor *t = &f->tensors[n];
        const int64_t count = t->rows * t->cols;
        double sum = 0;
        for (int64_t i = 0; t->at >= 0 && i < count; i++)
            sum += (double)f->slopes[t->at + i] * (double)f->slopes[t->at + i];
        if (t->at >= 0)
            f->squares[n] += sum / (double)count;
    }
}

void INR_NAME(inr_fit_learn)(inr_fit_adam adam, float *parameters, float *first, float *second,
                             const float *slopes, int64_t count)
{
    float *restrict m = first, *restrict v = second, *restrict p = parameters;
    const float *restrict d = slopes;
    for (int64_t i = 0; i < count; i++) {
        m[i] = BETA1 * m[i] + (1 - BETA1) * d[i];
        v[i] = BETA2 * v[i] + (1 - BETA2) * d[i] * d[i];
        p[i] -= adam.by * m[i] / (__builtin_sqrtf(v[i] * adam.under) + EPSILON);
    }
}

/* Of the next step at a rate. */
static inr_fit_adam adam(inr_fit *f, float rate)
{
    double decay1 = 1, decay2 = 1, base1 = (double)BETA1, base2 = (double)BETA2;
    for (int64_t left = ++f->steps; left; left >>= 1, base1 *= base1, base2 *= base2)
        if (left & 1) {
            decay1 *= base1;
            decay2 *= base2;
        }
    return (inr_fit_adam){(float)((double)rate / (1 - decay1)), (float)(1 / (1 - decay2))};
}

/* Mean bits of the samples first .. first + count - 1 of the order, before the step that learns from
   them if rate > 0. watch: adds the slopes' squares to f->squares. */
INR_EXPORT double INR_NAME(inr_fit_step)(inr_fit *f, int64_t first, int64_t count, float rate, int watch)
{
    unwhiten(f);
    store(f);
    assemble(f);
    const double bits = INR_NAME(inr_fit_batch)(f, first, count, rate > 0);
    if (rate > 0) {
        disassemble(f);
        if (f->rounding && f->form == FIT_INT)
            add_rate(f);
        if (watch)
            add_squares(f);
        unwhiten_back(f);
        const inr_fit_adam step = adam(f, rate);
        INR_NAME(inr_fit_learn)(step, f->parameters, f->first, f->second, f->slopes, f->weights);
        INR_NAME(inr_fit_learn_versions)(f, step);
    }
    return bits / (double)count;
}

/* f->stored of the parameters as they are. */
INR_EXPORT void INR_NAME(inr_fit_store)(inr_fit *f)
{
    unwhiten(f);
    store(f);
}
