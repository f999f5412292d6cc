/* jpeg/coefficients/inputs.py: what the networks of DCT coefficients see; jpeg/coefficients/magnitudes.py: the decisions that
   make up a coefficient. */
#include "context_dct.h"

#include <stdlib.h>

#define ONE 1024 /* of signed inputs */
#define MOST_REAL 32768
#define EDGE_ONE 256
#define EDGE_FIRST 181
#define MOST_SLOPE 8192
#define COMPONENTS 3
#define MAX_MEAN (1 << 26)
#define FLOOR_BITS 15 /* of values that the floor is spread over */

typedef struct {
    int32_t inputs[DCT_INPUTS(DCT_REFERENCES)][BLOCK], outputs[16][BLOCK];
    int32_t mean[COMPONENTS][BLOCK], weight[COMPONENTS][BLOCK], floor[BLOCK], all[BLOCK];
    float rate[COMPONENTS][BLOCK];
    int32_t below[BLOCK], above[BLOCK]; /* F at -1/2 and at 1/2 */
    int32_t logit[BLOCK], at[BLOCK];
    int64_t row[BLOCK], col[BLOCK];
} dct_state;

static int64_t clip_wide(int64_t v, int64_t most)
{
    return v > most ? most : v < -most ? -most : v;
}

/* The planes that hold for all blocks of a frequency, of rows first .. last - 1. */
INR_EXPORT void INR_NAME(inr_dct_prepare)(const inr_dct *c, const inr_frequency *f, int64_t first,
                                          int64_t last)
{
    for (int64_t i = first; i < last; i++)
        for (int64_t j = 0; j < c->cols; j++) {
            const int64_t at = (i + DCT_PAD) * c->row_stride + j + DCT_PAD;
            const int32_t *value = c->values + at;
            int32_t nearby = 0;
            /* from the frequency before this one; those between are zeros */
            for (int64_t k = f->before; k < f->place; k++) {
                const int32_t size = k ? inr_abs(value[k * c->plane]) : 0;
                const int64_t last = k - DCT_RECENT, first = k - DCT_LONG_AGO;
                c->recent[at] += size - (last > 0 ? inr_abs(value[last * c->plane]) : 0);
                c->count[at] += (size > 0) - (first > 0 && value[first * c->plane] != 0);
                c->run[at] = size > 0 || !k ? 0 : inr_least(c->run[at] + 1, DCT_LONG_AGO);
            }
            for (int n = 0; n < DCT_NEARBY; n++)
                if (f->nearby[n] >= 0)
                    nearby += inr_abs(value[f->nearby[n] * c->plane]);
            if (f->before)
                c->total[at] += inr_abs(value[f->before * c->plane]);
            c->nearby[at] = nearby;
            c->ring[at] = c->recent[at] + nearby;
        }
}

/* Takes the values of a step's blocks as known. */
INR_EXPORT void INR_NAME(inr_dct_learn)(const inr_dct *c, const inr_frequency *f, int64_t step,
                                        int64_t first, int64_t last)
{
    for (int64_t i = first; i < last; i++)
        for (int64_t j = (i + step) & 1; j < c->cols; j += 2) {
            const int64_t at = (i + DCT_PAD) * c->row_stride + j + DCT_PAD;
            const int32_t value = c->values[f->place * c->plane + at];
            for (int64_t n = 0; n < c->references; n++) {
                const int64_t other = c->reference[n][f->place * c->plane + at];
                c->products[n][at] += value * other >> 2;
                c->products[n][c->plane + at] += other * other >> 2;
            }
            if (!value)
                continue;
            const int32_t real = (int32_t)clip_wide(value * f->step, MOST_REAL);
            const int32_t of_u = (f->u ? EDGE_ONE : EDGE_FIRST) * real;
            const int32_t of_v = (f->v ? EDGE_ONE : EDGE_FIRST) * real;
            c->edges[f->v * c->plane + at] += of_u;
            c->edges[(8 + f->v) * c->plane + at] += f->u & 1 ? -of_u : of_u;
            c->edges[(16 + f->u) * c->plane + at] += of_v;
            c->edges[(24 + f->u) * c->plane + at] += f->v & 1 ? -of_v : of_v;
        }
}

/* 512 log2(1 + weight * size), in place. */
static void logarithms(int32_t *restrict sizes, int32_t weight, const int32_t *restrict log2)
{
    for (int p = 0; p < BLOCK; p++)
        sizes[p] = 1 + weight * inr_least(sizes[p], (1 << 30) / weight);
    for (int p = 0; p < BLOCK; p += LANES)
        STORE(sizes + p, LEAST(RIGHT(inr_log2(LOAD(sizes + p), log2), 1), ALL(LIMIT)));
}

static void take(const int32_t *plane, int64_t offset, const int32_t *restrict at, int32_t *restrict out)
{
    for (int p = 0; p < BLOCK; p++)
        out[p] = inr_abs(plane[at[p] + offset]);
}

static void add(const int32_t *plane, int64_t offset, const int32_t *restrict at, int32_t *restrict out)
{
    for (int p = 0; p < BLOCK; p++)
        out[p] += inr_abs(plane[at[p] + offset]);
}

static void signed_values(const int32_t *plane, int64_t offset, int64_t factor, const int32_t *restrict at,
                          int32_t *restrict out)
{
    for (int p = 0; p < BLOCK; p++)
        out[p] = (int32_t)clip_wide(plane[at[p] + offset] * factor >> 12, LIMIT);
}

static void set(int32_t *out, int64_t value)
{
    for (int p = 0; p < BLOCK; p++)
        out[p] = (int32_t)value;
}

/* The inputs of the blocks at places `at` of the planes. */
static void inputs_of(const inr_dct_step *s, const int32_t *restrict at, int32_t (*restrict in)[BLOCK])
{
    const inr_dct *c = s->component;
    const inr_frequency *f = s->frequency;
    const int32_t *log2 = s->tables->log2;
    const int64_t right = 1, down = c->row_stride;
    const int64_t near[4] = {-right, right, -down, down};
    const int64_t around[8] = {-right, right, -down, down, -down - right, -down + right, down - right,
                               down + right};
    const int32_t *here = c->values + f->place * c->plane;
    int n = 0;
    for (int side = 0; side < 4; side++) {
        const int64_t frequency = side < 2 ? f->u : f->v, other = side < 2 ? f->v : f->u;
        const int32_t *mine = c->edges + (8 * side + other) * c->plane;
        const int32_t *theirs = c->edges + (8 * (side ^ 1) + other) * c->plane + near[side];
        const int64_t factor = (side & 1) && (frequency & 1) ? -f->edge_factor[side >> 1]
                                                             : f->edge_factor[side >> 1];
        for (int p = 0; p < BLOCK; p++) {
            const int64_t gap = (int64_t)theirs[at[p]] - mine[at[p]];
            in[n][p] = (int32_t)clip_wide(gap * factor >> 16, LIMIT);
        }
        n++;
    }
    const int first = s->step == 0; /* when nothing of this frequency is known */
    for (int side = 0; side < 4; side++, n++) {
        if (first) {
            set(in[n], 0);
            continue;
        }
        const int64_t sign = (side < 2 ? f->u : f->v) & 1 ? -1 : 1;
        signed_values(here, near[side], sign * (((int64_t)ONE << 12) >> f->exponent), at, in[n]);
    }
    for (int i = 0; i < DCT_SIGNED; i++, n++) {
        if (f->own[i] < 0)
            set(in[n], 0);
        else
            signed_values(c->values + f->own[i] * c->plane, 0, f->own_factor[i], at, in[n]);
    }
    for (int i = 0; i < DCT_OWN; i++, n++) {
        if (f->own[i] < 0) {
            set(in[n], 0);
            continue;
        }
        take(c->values + f->own[i] * c->plane, 0, at, in[n]);
        logarithms(in[n], 16, log2);
    }
    take(c->recent, 0, at, in[n]);
    logarithms(in[n++], 16, log2);
    take(c->count, 0, at, in[n]);
    logarithms(in[n++], 16, log2);
    for (int p = 0; p < BLOCK; p++)
        in[n][p] = 256 * c->run[at[p]];
    n++;
    take(c->total, 0, at, in[n]);
    logarithms(in[n++], 4, log2);
    for (int i = 0; i < 8; i++) {
        take(c->nearby, around[i], at, in[n]);
        logarithms(in[n++], 16, log2);
    }
    const int four = n + 4;
    set(in[four], 0);
    for (; first && n < four; n++)
        set(in[n], 0);
    for (int i = 0; !first && i < 4; i++) {
        take(here, near[i], at, in[n]);
        add(here, near[i], at, in[four]);
        logarithms(in[n++], 16, log2);
    }
    if (first)
        n++;
    else
        logarithms(in[n++], 16, log2);
    set(in[n], 0);
    for (int i = 0; i < 4; i++)
        add(c->recent, near[i], at, in[n]);
    logarithms(in[n++], 16, log2);
    set(in[n], 0);
    for (int i = 4; i < 8; i++)
        add(c->recent, around[i], at, in[n]);
    logarithms(in[n++], 16, log2);
    set(in[n], 0);
    for (int i = 0; i < 8; i++)
        add(c->count, around[i], at, in[n]);
    logarithms(in[n++], 4, log2);
    set(in[n], 0);
    for (int64_t y = -2; y <= 2; y++)
        for (int64_t x = -2; x <= 2; x += y == -2 || y == 2 ? 1 : 4)
            add(c->ring, y * down + x, at, in[n]);
    logarithms(in[n++], 4, log2);
    set(in[n++], 512 * f->u);
    set(in[n++], 512 * f->v);
    set(in[n++], f->u ? 0 : 4096);
    set(in[n++], f->v ? 0 : 4096);
    set(in[n++], f->log_step);
    set(in[n++], 128 * f->level);
    set(in[n++], 512 * f->exponent);
    for (int64_t r = 0; r < c->references; r++) {
        const int32_t *reference = c->reference[r], *there = reference + f->place * c->plane;
        const int64_t *product = c->products[r], *square = product + c->plane;
        for (int p = 0; p < BLOCK; p++) {
            const int64_t o = at[p];
            const int64_t a = product[o] + product[o - right] + product[o + right] + product[o - down] +
                              product[o + down];
            const int64_t b =
                square[o] + square[o - right] + square[o + right] + square[o - down] + square[o + down];
            const double quotient = (double)(a * 1024) / (double)(b + 64);
            const double limited =
                quotient < -MOST_SLOPE ? -MOST_SLOPE : quotient > MOST_SLOPE ? MOST_SLOPE : quotient;
            const int32_t slope = (int32_t)(limited + MOST_SLOPE) - MOST_SLOPE; /* rounded down */
            in[n][p] = (int32_t)clip_wide((int64_t)there[o] * 256 >> f->exponent, LIMIT);
            in[n + 1][p] =
                (int32_t)clip_wide((int64_t)slope * there[o] >> (2 + f->exponent), LIMIT);
            in[n + 2][p] = slope;
        }
        n += 3;
        for (int i = 0; i < DCT_OF_OTHERS; i++, n++) {
            if (f->others[i] < 0) {
                set(in[n], 0);
                continue;
            }
            take(reference + f->others[i] * c->plane, 0, at, in[n]);
            logarithms(in[n], 4, log2);
        }
        set(in[n], 0);
        for (int64_t k = 1; k <= f->following; k++)
            add(there + k * c->plane, 0, at, in[n]);
        logarithms(in[n++], 4, log2);
        set(in[n], 0);
        for (int i = 0; i < 4; i++)
            add(there, near[i], at, in[n]);
        logarithms(in[n++], 4, log2);
    }
}

/* From the network's outputs to mixtures, as context_code.c has them. */
static void begin(const inr_dct_step *s, dct_state *d)
{
    const int32_t *power = s->tables->power;
    for (int p = 0; p < BLOCK; p += LANES) {
        whole highest = ALL(INT32_MIN), logs[COMPONENTS], total = ALL(0);
        for (int i = 0; i < COMPONENTS; i++) {
            logs[i] = inr_clip_all(LOAD(d->outputs[6 + i] + p), -MAX_MEAN, MAX_MEAN);
            highest = MOST(highest, logs[i]);
        }
        for (int i = 0; i < COMPONENTS; i++) {
            STORE(d->mean[i] + p, inr_clip_all(LOAD(d->outputs[i] + p), -MAX_MEAN, MAX_MEAN));
            const whole scale = inr_clip_all(LOAD(d->outputs[3 + i] + p), -6 * 1024, 10 * 1024);
            const whole j = ADD(scale, ALL(6 * 1024));
            const whole bits = BITS(REAL_OF(GATHER(power, AND(j, ALL(1023)))));
            const whole less = LEFT(ADD(RIGHT(j, 10), ALL(11)), 23);
            REAL_STORE(d->rate[i] + p, OF_BITS(SUB(bits, less)));
            const whole below = SUB(highest, MOST(logs[i], SUB(highest, ALL(10 * 1024))));
            const whole times = ADD(RIGHT(below, 10), ALL(13));
            const whole weight = RIGHT_EACH(GATHER(power, AND(below, ALL(1023))), times);
            STORE(d->weight[i] + p, weight);
            total = ADD(total, weight);
        }
        const whole floor = MOST(RIGHT(LEFT(total, 5), FLOOR_BITS), ALL(1));
        STORE(d->floor + p, floor);
        STORE(d->all + p, ADD(LEFT(total, 19), LEFT(floor, FLOOR_BITS)));
    }
}

/* F half a step below a value, of LANES points. */
static whole below(const dct_state *d, const inr_tables *t, int p, whole value, int scale)
{
    const whole threshold = MUL(SUB(LEFT(value, 1), ALL(1)), ALL(scale));
    whole sum = MUL(LOAD(d->floor + p), ADD(value, ALL(1 << (FLOOR_BITS - 1))));
    for (int i = 0; i < COMPONENTS; i++) {
        const whole distance = SUB(threshold, LOAD(d->mean[i] + p));
        real z = REAL_MUL(REAL_OF(distance), REAL_LOAD(d->rate[i] + p));
        z = REAL_LEAST(REAL_MOST(z, REAL_ALL(-1048576.0F)), REAL_ALL(1048575.0F));
        sum = ADD(sum, MUL(inr_logistic(CUT(z), t->logistic), LOAD(d->weight[i] + p)));
    }
    return sum;
}

/* The same of one point. */
static int32_t below_one(const dct_state *d, const inr_tables *t, int64_t p, int32_t value, int32_t scale)
{
    const int32_t threshold = (2 * value - 1) * scale;
    int32_t sum = d->floor[p] * (value + (1 << (FLOOR_BITS - 1)));
    for (int i = 0; i < COMPONENTS; i++) {
        float z = (float)(threshold - d->mean[i][p]) * d->rate[i][p];
        z = z < -1048576.0F ? -1048576.0F : z > 1048575.0F ? 1048575.0F : z;
        const int32_t whole_z = (int32_t)z;
        const uint32_t cell = t->logistic[(whole_z >> 10) + 1024];
        const int32_t logistic =
            (int32_t)((cell >> 12) + ((cell & 4095) * (uint32_t)(whole_z & 1023) >> 10));
        sum += logistic * d->weight[i][p];
    }
    return sum;
}

static int32_t log2_of(int32_t n, const int32_t *log2)
{
    int e = 0;
    while (n >> e > 1)
        e++;
    const int32_t m = (int32_t)(((int64_t)n << 10 >> e) - 1024);
    return 1024 * e + log2[m];
}

static uint32_t probability(int32_t ones, int32_t zeros, const inr_tables *t)
{
    const int32_t logit = log2_of(ones, t->log2) - log2_of(zeros, t->log2);
    const int32_t z = inr_clip(logit, -16 * 1024, 16 * 1024 - 1) * 64;
    const uint32_t cell = t->logistic[(z >> 10) + 1024];
    const uint32_t part = (cell >> 12) + ((cell & 4095) * (uint32_t)(z & 1023) >> 10);
    return (uint32_t)inr_clip((int32_t)(part >> 3), 1, 65535);
}

static int code_bit(const inr_dct_step *s, int bit, uint32_t p)
{
    if (s->truth) {
        inr_encode_bit(s->encoder, bit, p);
        return bit;
    }
    return inr_decode_bit(s->decoder, p);
}

/* A coefficient that is not 0: its sign, then ever larger intervals of its magnitude, then halves. */
static int32_t code_size(const inr_dct_step *s, const dct_state *d, int64_t p, int32_t truth)
{
    const inr_tables *t = s->tables;
    const int32_t scale = (512 << DCT_FINER) >> s->frequency->exponent;
    const int32_t positive = d->all[p] - d->above[p], negative = d->below[p];
    const int minus = code_bit(s, truth < 0, probability(inr_most(negative, 1), inr_most(positive, 1), t));
    const int32_t size = truth < 0 ? -truth : truth;
    /* of magnitudes low .. high - 1 the mass is between F at both ends, or all there is */
    int32_t low = 1, high = DCT_MOST + 1;
    int32_t near = minus ? d->below[p] : d->above[p], far = minus ? 0 : d->all[p];
    int bounded = 0;
    while (low < high - 1) {
        int32_t width = low < 8 ? 1 : 1 << (29 - __builtin_clz((uint32_t)low));
        if (bounded || low + width >= high)
            width = (high - low) >> 1;
        const int32_t middle = low + width;
        const int32_t mass = below_one(d, t, p, minus ? 1 - middle : middle, scale);
        const int32_t beyond = minus ? mass - far : far - mass;
        const int32_t within = minus ? near - mass : mass - near;
        if (code_bit(s, size >= middle, probability(inr_most(beyond, 1), inr_most(within, 1), t))) {
            low = middle;
            near = mass;
        } else {
            high = middle;
            far = mass;
            bounded = 1;
        }
    }
    return minus ? -low : low;
}

/* Codes the blocks of a step's rows; 0, or 2 where the encoder's room is too small. */
INR_EXPORT int INR_NAME(inr_dct_code)(const inr_dct_step *s)
{
    inr_dct *c = s->component;
    const inr_frequency *f = s->frequency;
    const int scale = (512 << DCT_FINER) >> f->exponent;
    int32_t *values = c->values + f->place * c->plane;
    dct_state d;
    memset(&d, 0, sizeof d);
    int64_t i = s->first, j = (i + s->step) & 1;
    while (i < s->last) {
        int64_t many = 0;
        while (many < BLOCK && i < s->last) {
            if (j >= c->cols) {
                i++;
                j = (i + s->step) & 1;
                continue;
            }
            d.row[many] = i;
            d.col[many] = j;
            d.at[many++] = (int32_t)((i + DCT_PAD) * c->row_stride + j + DCT_PAD);
            j += 2;
        }
        if (!many)
            break;
        for (int64_t p = many; p < BLOCK; p++)
            d.at[p] = d.at[0];
        inputs_of(s, d.at, d.inputs);
        INR_NAME(inr_run)(s->network, d.inputs, d.outputs);
        begin(s, &d);
        for (int p = 0; p < BLOCK; p += LANES) {
            const whole low = below(&d, s->tables, p, ALL(0), scale);
            const whole high = below(&d, s->tables, p, ALL(1), scale);
            const whole zeros = MOST(SUB(high, low), ALL(1));
            const whole others = MOST(SUB(LOAD(d.all + p), SUB(high, low)), ALL(1));
            const whole logit = SUB(inr_log2(others, s->tables->log2), inr_log2(zeros, s->tables->log2));
            const whole limited = LEFT(inr_clip_all(logit, -16 * 1024, 16 * 1024 - 1), 6);
            const whole part = RIGHT(inr_logistic(limited, s->tables->logistic), 3);
            STORE(d.logit + p, inr_clip_all(part, 1, 65535));
            STORE(d.below + p, low);
            STORE(d.above + p, high);
        }
        for (int64_t p = 0; p < many; p++) {
            int32_t value = 0;
            if (s->truth)
                value = s->truth[(d.row[p] * c->cols + d.col[p]) * 64 + f->place];
            if (code_bit(s, value != 0, (uint32_t)d.logit[p]))
                value = code_size(s, &d, p, value);
            else
                value = 0;
            values[d.at[p]] = value;
        }
    }
    return s->encoder && s->encoder->overflow ? 2 : 0;
}

/* The inputs (n, f) of the blocks of a step's rows. */
INR_EXPORT void INR_NAME(inr_dct_inputs)(const inr_dct_step *s, int16_t *out)
{
    const inr_dct *c = s->component;
    const int number = DCT_INPUTS((int)c->references);
    int32_t in[DCT_INPUTS(DCT_REFERENCES)][BLOCK], at[BLOCK];
    int64_t i = s->first, j = (i + s->step) & 1;
    while (i < s->last) {
        int64_t many = 0;
        for (; many < BLOCK && i < s->last;) {
            if (j >= c->cols) {
                i++;
                j = (i + s->step) & 1;
                continue;
            }
            at[many++] = (int32_t)((i + DCT_PAD) * c->row_stride + j + DCT_PAD);
            j += 2;
        }
        if (!many)
            break;
        for (int64_t p = many; p < BLOCK; p++)
            at[p] = at[0];
        inputs_of(s, at, in);
        for (int64_t p = 0; p < many; p++)
            for (int f = 0; f < number; f++)
                *out++ = (int16_t)in[f][p];
    }
}
