/* context/inference.py: codes the planes of a band, unit by unit. What is known of a unit's points
   stays in a core's second cache from the trunk network to the last bit. */
#include <stdlib.h>

#include "context.h"

#define COMPONENTS 3
#define OUTPUTS 9
#define MAX_MEAN (1 << 26)
#define UNDECIDED (13 * 1024)
#define NOT_ASKED (-32768)
#define LOG_LIMIT (16 * 1024)
#define MOST_COUNTED ((1 << 27) - 1)
#define ROOM (UNIT_SAMPLES + BLOCK)
#define MAX_EVIDENCE (2 * (1 + MAX_REFERENCES))

typedef struct {
    int32_t mean[COMPONENTS][ROOM], weight[COMPONENTS][ROOM], floor[ROOM];
    float rate[COMPONENTS][ROOM];
    int32_t low[ROOM], below_low[ROOM], below_middle[ROOM], below_high[ROOM], logit[ROOM];
    /* of each source: the references' values in a table or, in a set of keys, above this channel's; and
       where colours that share them lie */
    int32_t index[1 + MAX_REFERENCES][ROOM], start[1 + MAX_REFERENCES][ROOM];
    int32_t end[1 + MAX_REFERENCES][ROOM];
    /* and where those with a 1 begin, in which plane that was asked last */
    int32_t middle[1 + MAX_REFERENCES][ROOM], when[1 + MAX_REFERENCES][ROOM];
    uint64_t key[1 + MAX_REFERENCES][ROOM];
    int32_t asked[ROOM + BLOCK], zeros[BLOCK], ones[BLOCK];
    int32_t base[BLOCK], inputs[MAX_INPUTS][BLOCK], outputs[OUTPUTS][BLOCK];
} state;

/* The mixtures of a block from what the trunk network says. */
static void begin(const inr_band *b, state *s, int64_t at)
{
    const int32_t *power = b->tables->power;
    const int e = (int)b->exponent, planes = (int)b->planes;
    for (int p = 0; p < BLOCK; p += LANES) {
        const whole base = MUL(LOAD(s->base + p), ALL(256 >> e));
        whole highest = ALL(-MAX_MEAN), total = ALL(0), logs[COMPONENTS];
        for (int i = 0; i < COMPONENTS; i++) {
            logs[i] = inr_clip_all(LOAD(s->outputs[6 + i] + p), -MAX_MEAN, MAX_MEAN);
            highest = MOST(highest, logs[i]);
        }
        for (int i = 0; i < COMPONENTS; i++) {
            const whole mean = inr_clip_all(LOAD(s->outputs[i] + p), -MAX_MEAN, MAX_MEAN);
            STORE(s->mean[i] + at + p, ADD(mean, base));
            const whole scale = inr_clip_all(LOAD(s->outputs[3 + i] + p), -6 * 1024, 10 * 1024);
            const whole j = ADD(scale, ALL(6 * 1024));
            const whole bits = BITS(REAL_OF(GATHER(power, AND(j, ALL(1023)))));
            const whole down = LEFT(ADD(RIGHT(j, 10), ALL(11)), 23);
            REAL_STORE(s->rate[i] + at + p, OF_BITS(SUB(bits, down)));
            const whole lowest = SUB(highest, ALL(10 * 1024));
            const whole below = SUB(highest, MOST(logs[i], lowest));
            const whole times = ADD(RIGHT(below, 10), ALL(13));
            const whole weight = RIGHT_EACH(GATHER(power, AND(below, ALL(1023))), times);
            STORE(s->weight[i] + at + p, weight);
            total = ADD(total, weight);
        }
        const whole floor = MOST(RIGHT(LEFT(total, 5), planes), ALL(1));
        STORE(s->floor + at + p, floor);
        STORE(s->low + at + p, ALL(0));
        STORE(s->below_low + at + p, ALL(0));
        STORE(s->below_high + at + p, ADD(LEFT(total, 19), LEFT(floor, planes)));
    }
}

/* The first of values first .. last - 1 that is not below a value. */
static inline int32_t below_value(const uint16_t *values, int32_t first, int32_t last, int32_t value)
{
    if (first < last && values[first] >= value)
        return first;
    while (first < last) {
        const int32_t middle = first + ((last - first) >> 1);
        if (values[middle] < value)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

static inline int32_t below_key(const uint64_t *keys, int32_t first, int32_t last, uint64_t key)
{
    while (first < last) {
        const int32_t middle = first + ((last - first) >> 1);
        if (keys[middle] < key)
            first = middle + 1;
        else
            last = middle;
    }
    return first;
}

/* The references' values of a row's points, and where colours that share them lie. */
static void look_up(const inr_band *b, state *s, int64_t i, int64_t j, int64_t at, int64_t count)
{
    int64_t shift = 0;
    for (int64_t n = 0; n <= b->references; n++) {
        const inr_colours *c = b->colours + n;
        int32_t *restrict index = s->index[n] + at, *restrict start = s->start[n] + at;
        int32_t *restrict end = s->end[n] + at;
        if (n > 0) {
            const uint16_t *there = inr_at(b, b->seen[n - 1], i, j, 0, 0);
            const uint64_t *restrict before = s->key[n - 1] + at;
            uint64_t *restrict key = s->key[n] + at;
            for (int64_t p = 0; p < count; p++)
                key[p] = before[p] | (uint64_t)there[p] << shift;
            shift += b->reference_bits[n - 1];
            for (int64_t p = 0; p < count; p++)
                index[p] = (int32_t)(c->kind == INR_TABLE ? key[p] << b->planes : key[p]);
        }
        for (int64_t p = 0; p < count; p++)
            s->when[n][at + p] = -1;
        if (c->kind == INR_RUNS) {
            for (int64_t p = 0; p < count; p++) {
                start[p] = c->counts[index[p]];
                end[p] = c->counts[index[p] + 1];
            }
        } else if (c->kind == INR_KEYS) {
            for (int64_t p = 0; p < count; p++) {
                const uint64_t key = s->key[n][at + p] << b->planes;
                start[p] = below_key(c->keys, 0, (int32_t)c->number, key);
                end[p] = below_key(c->keys, start[p], (int32_t)c->number, key + (UINT64_C(1) << b->planes));
            }
        }
    }
}

/* How many known colours of a source have a 0 and a 1 at asked points: a block of them. */
static void count(const inr_band *b, state *s, int64_t source, int64_t plane, const int32_t *asked,
                  int64_t many)
{
    const inr_colours *c = b->colours + source;
    const int32_t step = 1 << plane, *low = s->low;
    if (c->kind == INR_TABLE) {
        for (int64_t q = 0; q < many; q += LANES) {
            const whole point = LOAD(asked + q);
            const whole at = ADD(GATHER(s->index[source], point), GATHER(low, point));
            const whole middle = GATHER(c->counts, ADD(at, ALL(step)));
            const whole zeros = SUB(middle, GATHER(c->counts, at));
            const whole ones = SUB(GATHER(c->counts, ADD(at, ALL(2 * step))), middle);
            STORE(s->zeros + q, LEAST(zeros, ALL(MOST_COUNTED)));
            STORE(s->ones + q, LEAST(ones, ALL(MOST_COUNTED)));
        }
        return;
    }
    for (int64_t q = 0; q < many; q++) {
        const int64_t p = asked[q];
        int32_t first = s->start[source][p], last = s->end[source][p];
        s->zeros[q] = s->ones[q] = 0;
        if (first == last)
            continue;
        int32_t middle;
        const int32_t value = low[p];
        const uint64_t key = s->key[source][p] << b->planes | (uint64_t)value;
        if (s->when[source][p] == plane + 1) { /* the bit above tells which half */
            if (value >> (plane + 1) & 1)
                first = s->middle[source][p];
            else
                last = s->middle[source][p];
        } else if (c->kind == INR_RUNS) {
            first = below_value(c->values, first, last, value);
            last = below_value(c->values, first, last, value + 2 * step);
        } else {
            first = below_key(c->keys, first, last, key);
            last = below_key(c->keys, first, last, key + 2 * (uint64_t)step);
        }
        if (c->kind == INR_RUNS)
            middle = below_value(c->values, first, last, value + step);
        else
            middle = below_key(c->keys, first, last, key + (uint64_t)step);
        s->middle[source][p] = middle;
        s->when[source][p] = (int32_t)plane;
        s->start[source][p] = first;
        s->end[source][p] = last;
        s->zeros[q] = inr_least(middle - first, MOST_COUNTED);
        s->ones[q] = inr_least(last - middle, MOST_COUNTED);
    }
}

/* The log-odds of a plane's bits of a block, of the mixture alone. */
static void split(const inr_band *b, state *s, int64_t at, int64_t plane)
{
    const uint32_t *logistic = b->tables->logistic;
    const int32_t *log2 = b->tables->log2, step = 1 << plane, scale = 512 >> b->exponent;
    for (int64_t p = at; p < at + BLOCK; p += LANES) {
        const whole middle = ADD(LOAD(s->low + p), ALL(step));
        const whole threshold = MUL(SUB(LEFT(middle, 1), ALL(1)), ALL(scale));
        whole below = MUL(LOAD(s->floor + p), middle);
        for (int i = 0; i < COMPONENTS; i++) {
            const real distance = REAL_OF(SUB(threshold, LOAD(s->mean[i] + p)));
            real z = REAL_MUL(distance, REAL_LOAD(s->rate[i] + p));
            z = REAL_LEAST(REAL_MOST(z, REAL_ALL(-1048576.0F)), REAL_ALL(1048575.0F));
            const whole part = inr_logistic(CUT(z), logistic);
            below = ADD(below, MUL(part, LOAD(s->weight[i] + p)));
        }
        STORE(s->below_middle + p, below);
        const whole ones = SUB(LOAD(s->below_high + p), below);
        const whole zeros = SUB(below, LOAD(s->below_low + p));
        STORE(s->logit + p, SUB(inr_log2(ones, log2), inr_log2(zeros, log2)));
    }
}

/* Asks the plane network about those of a unit's points that are not decided; told: (n, inputs). */
static void correct(const inr_band *b, state *s, int64_t plane, int64_t many, int16_t *told)
{
    const int32_t *log2 = b->tables->log2;
    const int64_t inputs = 2 + 2 * (1 + b->references);
    int64_t asked = 0;
    for (int64_t p = 0; p < many; p++) {
        s->asked[asked] = (int32_t)p;
        asked += inr_abs(s->logit[p]) <= UNDECIDED;
    }
    for (int64_t p = 0; told && p < many; p++)
        told[p * inputs] = NOT_ASKED;
    for (int64_t q = asked; q < asked + BLOCK; q++)
        s->asked[q] = 0; /* to fill the last block */
    for (int64_t first = 0; first < asked; first += BLOCK) {
        const int32_t *points = s->asked + first;
        const int64_t left = asked - first < BLOCK ? asked - first : BLOCK;
        for (int64_t q = 0; q < BLOCK; q += LANES) {
            STORE(s->inputs[0] + q, GATHER(s->logit, LOAD(points + q)));
            STORE(s->inputs[1] + q, ALL((int32_t)(plane * 1024)));
        }
        for (int64_t n = 0; n <= b->references; n++) {
            count(b, s, n, plane, points, left);
            for (int q = 0; q < BLOCK; q += LANES) {
                const whole zeros = LOAD(s->zeros + q), ones = LOAD(s->ones + q), one = ALL(1);
                const whole odds = SUB(inr_log2(ADD(LEFT(ones, 3), one), log2),
                                       inr_log2(ADD(LEFT(zeros, 3), one), log2));
                const whole size = inr_log2(ADD(ADD(zeros, ones), one), log2);
                STORE(s->inputs[2 + 2 * n] + q, inr_clip_all(odds, -LOG_LIMIT, LOG_LIMIT));
                STORE(s->inputs[3 + 2 * n] + q, LEAST(size, ALL(LOG_LIMIT)));
            }
        }
        INR_NAME(inr_run)(b->plane, s->inputs, s->outputs);
        for (int64_t q = 0; q < left; q++) {
            s->logit[points[q]] = s->outputs[0][q];
            for (int64_t k = 0; told && k < inputs; k++)
                told[points[q] * inputs + k] = (int16_t)s->inputs[k][q];
        }
    }
}

/* Codes a plane's bits of a block's first `many` points and takes them as known. */
static void code(const inr_band *b, state *s, int64_t at, int64_t plane, int64_t many,
                 const uint16_t *truth, uint16_t *told, uint8_t *told_bits)
{
    int32_t p[BLOCK], bits[BLOCK] = {0};
    for (int n = 0; n < BLOCK; n += LANES) {
        const whole logit = inr_clip_all(LOAD(s->logit + at + n), -16 * 1024, 16 * 1024 - 1);
        const whole part = RIGHT(inr_logistic(LEFT(logit, 6), b->tables->logistic), 3);
        STORE(p + n, inr_clip_all(part, 1, 65535));
    }
    if (truth) {
        inr_encoder e = *b->encoder;
        for (int64_t n = 0; n < many; n++) {
            bits[n] = truth[n] >> plane & 1;
            inr_encode_bit(&e, bits[n], (uint32_t)p[n]);
        }
        *b->encoder = e;
    } else {
        inr_decoder d = *b->decoder;
        for (int64_t n = 0; n < many; n++)
            bits[n] = inr_decode_bit(&d, (uint32_t)p[n]);
        *b->decoder = d;
    }
    int32_t *restrict low = s->low + at, *restrict middle = s->below_middle + at;
    int32_t *restrict below_low = s->below_low + at, *restrict below_high = s->below_high + at;
    for (int n = 0; n < BLOCK; n++) {
        const int32_t one = -bits[n]; /* all ones or none */
        low[n] += bits[n] << plane;
        below_low[n] = (middle[n] & one) | (below_low[n] & ~one);
        below_high[n] = (below_high[n] & one) | (middle[n] & ~one);
    }
    for (int64_t n = 0; told && n < many; n++) {
        told[n] = (uint16_t)p[n];
        told_bits[n] = (uint8_t)bits[n];
    }
}

/* Codes a unit: rows from `row`, columns from `col` on. */
static void code_unit(const inr_band *b, inr_windows *w, state *s, int64_t row, int64_t col,
                      int64_t rows, int64_t cols)
{
    for (int64_t i = row; i < row + rows; i++) {
        if (col == 0)
            INR_NAME(inr_window_row)(b, w, i);
        for (int64_t j = 0; j < cols; j += BLOCK) {
            const int64_t at = (i - row) * cols + j;
            INR_NAME(inr_inputs)(b, w, i, col + j, s->base, s->inputs);
            INR_NAME(inr_run)(b->trunk, s->inputs, s->outputs);
            begin(b, s, at);
            look_up(b, s, i, col + j, at, cols - j < BLOCK ? cols - j : BLOCK);
        }
    }
    const int64_t many = rows * cols, all = (b->last - b->first) * b->cols;
    const int64_t first = (row - b->first) * b->cols + col, inputs = 2 + 2 * (1 + b->references);
    for (int64_t plane = b->planes - 1; plane >= 0; plane--) {
        const int64_t start = (b->planes - 1 - plane) * all + first;
        for (int64_t at = 0; at < many; at += BLOCK)
            split(b, s, at, plane);
        correct(b, s, plane, many, b->inputs ? b->inputs + start * inputs : NULL);
        for (int64_t at = 0; at < many; at += BLOCK) {
            const int64_t left = many - at < BLOCK ? many - at : BLOCK, place = start + at;
            code(b, s, at, plane, left, b->truth ? b->truth + first + at : NULL,
                 b->probabilities ? b->probabilities + place : NULL, b->bits ? b->bits + place : NULL);
        }
    }
    for (int64_t i = 0; i < rows; i++) {
        uint16_t *own = b->own + (2 * b->row + b->col) * b->phase_stride +
                        (row + i + PAD) * b->row_stride + PAD + col;
        for (int64_t j = 0; j < cols; j++)
            own[j] = (uint16_t)s->low[i * cols + j];
    }
}

/* Room for the windows of a band's rows; 0 where memory is missing. */
static int open_windows(const inr_band *b, inr_windows *w)
{
    const size_t width = (size_t)b->cols + 2 * BLOCK, channels = 1 + MAX_SEEN;
    w->width = (int64_t)width;
    w->next[0] = w->next[1] = INT64_MIN;
    w->errors = calloc(2 * channels * RING * width, sizeof *w->errors);
    w->columns = calloc(5 * width, sizeof *w->columns);
    w->sums = calloc(MAX_SUMS * width, sizeof *w->sums);
    return w->errors && w->columns && w->sums;
}

static void close_windows(const inr_windows *w)
{
    free(w->sums);
    free(w->columns);
    free(w->errors);
}

/* Codes a band; 0, 1 where memory is missing, 2 where the encoder's room is. */
INR_EXPORT int INR_NAME(inr_code_band)(const inr_band *b)
{
    inr_windows w;
    state *s = calloc(1, sizeof *s);
    const int there = open_windows(b, &w) && s;
    const int64_t at_once = b->cols <= UNIT_SAMPLES ? UNIT_SAMPLES / b->cols : 1;
    for (int64_t i = b->first; there && i < b->last; i += at_once) {
        const int64_t rows = b->last - i < at_once ? b->last - i : at_once;
        for (int64_t j = 0; j < b->cols; j += UNIT_SAMPLES)
            code_unit(b, &w, s, i, j, rows,
                      b->cols - j < UNIT_SAMPLES ? b->cols - j : UNIT_SAMPLES);
    }
    close_windows(&w);
    free(s);
    return !there ? 1 : b->encoder && b->encoder->overflow ? 2 : 0;
}

/* Base predictions (n,) and trunk inputs (n, f) of a band; 1 where memory is missing. */
INR_EXPORT int INR_NAME(inr_band_inputs)(const inr_band *b, int32_t *base, int16_t *inputs)
{
    inr_windows w;
    int32_t block_base[BLOCK], block[MAX_INPUTS][BLOCK];
    const int there = open_windows(b, &w), 
              number = TRUNK_INPUTS((int)b->references, b->fine, (int)b->frames);
    for (int64_t i = b->first; there && i < b->last; i++) {
        INR_NAME(inr_window_row)(b, &w, i);
        for (int64_t j = 0; j < b->cols; j += BLOCK) {
            const int64_t left = b->cols - j < BLOCK ? b->cols - j : BLOCK;
            INR_NAME(inr_inputs)(b, &w, i, j, block_base, block);
            memcpy(base, block_base, sizeof *base * (size_t)left);
            base += left;
            for (int64_t p = 0; p < left; p++)
                for (int f = 0; f < number; f++)
                    *inputs++ = (int16_t)block[f][p];
        }
    }
    close_windows(&w);
    return !there;
}
