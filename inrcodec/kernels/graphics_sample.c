/* The samples of a colour that is none of the likely ones, bit by bit, the highest first. */
#include <stdlib.h>
#include <string.h>

#include "graphics.h"

#define RATE 6
#define PAIRS 10

static const uint8_t ORDER[MAX_CHANNELS + 1][MAX_CHANNELS] = {
    {0}, {0}, {1, 0}, {1, 0, 2}, {3, 1, 0, 2}};

typedef struct {
    const uint16_t *w, *ww, *www, *n, *nn, *nnn, *nw, *ne, *nww, *nee, *nnw, *nne, *nnww, *nnee;
    const uint16_t *coded, *flat,
        *refused; /* the colour coded last, of the flat area before, refused */
} neighbours;

static inline int32_t clip(int32_t v, int32_t most)
{
    return v < 0 ? 0 : v > most ? most : v;
}

/* What the difference of two colours in a channel that is known says of another. */
static int32_t between(const uint16_t *p, const uint16_t *q, int known, int c, int32_t sample)
{
    const int64_t whole = q[known] - p[known], part = sample - p[known];
    if (!whole)
        return (int32_t)(p[c] + part);
    const int64_t times = part * (q[c] - p[c]);
    const int64_t up = (llabs(times) + llabs(whole) / 2) / llabs(whole);
    const int64_t moved = (times < 0) != (whole < 0) ? p[c] - up : p[c] + up;
    return moved < -1 ? -1 : moved > 65536 ? 65536 : (int32_t)moved;
}

/* Predictions of a sample from its channel alone. */
static void predict_first(const neighbours *o, int c, int32_t most, int32_t *out)
{
    const int32_t w = o->w[c], n = o->n[c], nw = o->nw[c], ne = o->ne[c], nn = o->nn[c],
                  ww = o->ww[c], nne = o->nne[c], nee = o->nee[c];
    const int32_t all[MAX_PREDICTED] = {w,
                                        n,
                                        w + n - nw,
                                        w + ne - n,
                                        n + ne - nne,
                                        (w + n) >> 1,
                                        2 * n - nn,
                                        2 * w - ww,
                                        (w + ne) >> 1,
                                        nw,
                                        ne,
                                        (3 * (w + n) - 2 * nw) / 4,
                                        (w + n + nw + ne) >> 2,
                                        nn,
                                        ww,
                                        o->coded[c],
                                        o->refused[c],
                                        (2 * w + n + ne + 2) >> 2,
                                        w + nee - n,
                                        nee,
                                        o->nww[c],
                                        3 * n - 3 * nn + o->nnn[c],
                                        3 * w - 3 * ww + o->www[c],
                                        ne + nw - nn,
                                        w + nne - nn,
                                        nne,
                                        o->nnw[c],
                                        (n + ne) >> 1,
                                        (w + nw) >> 1,
                                        2 * nw - o->nnww[c],
                                        2 * ne - o->nnee[c],
                                        ne + w - nn};
    for (int i = 0; i < MAX_PREDICTED; i++)
        out[i] = clip(all[i], most);
}

/* And with the channels before: k is the last of them, f the one before that or the same. */
static void predict_next(const neighbours *o, int c, int k, int f, const uint16_t *s, int32_t most,
                         int64_t predicted, int32_t *out)
{
    const int32_t w = o->w[c], n = o->n[c], nw = o->nw[c], ne = o->ne[c], x = s[k], y = s[f];
    const int32_t plane = clip(o->w[k] + o->n[k] - o->nw[k], most);
    const uint16_t *pairs[PAIRS][2] = {
        {o->w, o->n},  {o->w, o->coded}, {o->n, o->coded}, {o->w, o->nw},   {o->w, o->ne},
        {o->n, o->ne}, {o->w, o->ww},    {o->n, o->nn},    {o->w, o->flat}, {o->n, o->flat}};
    const int32_t all[MAX_PREDICTED - PAIRS] = {w,
                                                n,
                                                w + n - nw,
                                                w + ne - n,
                                                n + ne - o->nne[c],
                                                (w + n) >> 1,
                                                w + x - o->w[k],
                                                n + x - o->n[k],
                                                w + n - nw + x - plane,
                                                ((w + n) >> 1) + x - ((o->w[k] + o->n[k]) >> 1),
                                                x,
                                                ne + x - o->ne[k],
                                                nw + x - o->nw[k],
                                                w + (x - o->w[k]) / 2,
                                                n + (x - o->n[k]) / 2,
                                                w + (x - o->w[k] + y - o->w[f]) / 2,
                                                n + (x - o->n[k] + y - o->n[f]) / 2,
                                                2 * n - o->nn[c],
                                                2 * w - o->ww[c],
                                                (w + ne) >> 1,
                                                nw,
                                                ne};
    for (int i = 0; i < MAX_PREDICTED - PAIRS; i++)
        out[i] = clip(all[i], most);
    for (int i = 0; i < predicted - (MAX_PREDICTED - PAIRS); i++)
        out[MAX_PREDICTED - PAIRS + i] = clip(between(pairs[i][0], pairs[i][1], k, c, x), most);
}

#define HIGH(v, b) ((uint32_t)(v) >> (bits > 8 ? bits - (b) : 8 - (b)))

static void sample_contexts(const inr_model *m, const inr_pixel *p, const neighbours *o, int c,
                            int32_t known, int32_t error, int32_t likely, uint32_t before,
                            uint32_t *h)
{
    const int64_t bits = m->bits;
    const uint32_t w = o->w[c], n = o->n[c], nw = o->nw[c], ne = o->ne[c], ww = o->ww[c],
                   nn = o->nn[c];
    const uint32_t base = inr_hash(before, (uint32_t)c + 1), own = inr_hash(3, (uint32_t)c);
    const uint32_t rough = inr_hash(inr_hash(known ? 10 : 9, (uint32_t)c),
                                    (uint32_t)((error + 65536) >> (bits > 8 ? bits - 6 : 2)));
    const uint32_t pair = inr_hash(inr_hash(base, p->w), p->n);
    const uint32_t first = p->refusals ? p->refused[0] : 0,
                   second = p->refusals > 1 ? p->refused[1] : 0;
    h[0] = base;
    h[1] = inr_hash(inr_hash(base, 1), p->w);
    h[2] = pair;
    h[3] = inr_hash(rough, HIGH(w, 4) | HIGH(n, 4) << 4 | HIGH(nw, 4) << 8 | HIGH(ne, 4) << 12);
    h[4] = inr_hash(inr_hash(base, 2), p->n);
    h[5] =
        inr_hash(inr_hash(rough, 1), HIGH(w, 3) | HIGH(n, 3) << 4 | HIGH(nw, 3) << 8 |
                                         HIGH(ne, 3) << 12 | HIGH(ww, 3) << 16 | HIGH(nn, 3) << 20);
    h[6] = inr_hash(inr_hash(base, 3), first);
    h[7] = inr_hash(inr_hash(inr_hash(own, (uint32_t)likely), w >> 2), n >> 2);
    h[8] = inr_hash(pair, p->nw);
    h[9] = inr_hash(inr_hash(pair, 1), p->ne);
    h[10] = inr_hash(inr_hash(inr_hash(base, 4), first), p->w);
    h[11] = inr_hash(inr_hash(base, 5), m->last_coded);
    h[12] = inr_hash(inr_hash(inr_hash(own, 1), w), n);
    h[13] = inr_hash(inr_hash(rough, 2), HIGH(w, 5) | HIGH(n, 5) << 5);
    h[14] = inr_hash(inr_hash(inr_hash(own, 2), before), (uint32_t)likely);
    h[15] = inr_hash(inr_hash(inr_hash(own, 3), before), w);
    h[16] = inr_hash(inr_hash(inr_hash(own, 4), ne), nw);
    h[17] = inr_hash(inr_hash(inr_hash(base, 6), first), second);
    h[18] = inr_hash(inr_hash(inr_hash(pair, 2), p->nw), p->ne);
    h[19] = inr_hash(inr_hash(inr_hash(inr_hash(base, 7), p->n), p->nn), p->ne);
    h[20] = inr_hash(inr_hash(rough, 3), HIGH(w, 2) | HIGH(n, 2) << 4 | HIGH(nw, 2) << 8 |
                                             HIGH(ne, 2) << 12 | HIGH(ww, 2) << 16 |
                                             HIGH(nn, 2) << 20 | HIGH(o->nne[c], 2) << 24);
    h[21] = inr_hash(inr_hash(rough, 4), HIGH(w, 5) | HIGH(ne, 5) << 5 | HIGH(ww, 3) << 10);
    h[22] = inr_hash(inr_hash(rough, 5), HIGH(n, 5) | HIGH(nn, 5) << 5);
    h[23] = inr_hash(inr_hash(rough, 6), HIGH(w, 5) | HIGH(ww, 5) << 5);
    h[24] = inr_hash(inr_hash(rough, 7), HIGH(w, 4) | HIGH(n, 4) << 4 | HIGH(ne, 4) << 8 |
                                             HIGH(o->nee[c], 4) << 12 | HIGH(o->nne[c], 3) << 16);
    h[25] = inr_hash(inr_hash(own, 5), (uint32_t)likely);
}

static uint32_t near_step(const inr_model *m, int32_t difference)
{
    const int32_t d = difference < -FARTHEST  ? -FARTHEST
                      : difference > FARTHEST ? FARTHEST
                                              : difference;
    return m->near_steps[d + FARTHEST];
}

static uint32_t line_place(const uint32_t *h, uint32_t node, int64_t i)
{
    return inr_hash(h[i], node * UINT32_C(0x3D4D51CB) + (uint32_t)i);
}

/* Lines that are asked for soon. */
static void fetch_lines(const inr_model *m, const uint32_t *h, uint32_t node)
{
    for (int64_t i = 0; i < m->job->hashed; i++)
        FETCH(m->lines + (line_place(h, node, i) & m->line_mask));
}

static void find_lines(const inr_model *m, const uint32_t *h, uint32_t node, inr_line **lines)
{
    uint32_t places[MAX_HASHED];
    for (int64_t i = 0; i < m->job->hashed; i++) {
        places[i] = line_place(h, node, i);
        lines[i] = m->lines + (places[i] & m->line_mask);
    }
    for (int64_t i = 0; i < m->job->hashed; i++) {
        const uint32_t check = places[i] >> 16 | 1u << 16;
        if (lines[i]->slot[0] != check) {
            memset(lines[i], 0, sizeof *lines[i]);
            lines[i]->slot[0] = check;
        }
    }
}

/* Weights of the largest table, which are mixed with soon. */
static void fetch_weights(const inr_mixer *mixer, int64_t set)
{
    const int32_t *weights = mixer->weights[SETS - 1] + set * mixer->lanes;
    for (int64_t i = 0; i < mixer->lanes; i += LANES)
        FETCH(weights + i);
}

static void move_slot(const inr_model *m, uint32_t *slot, int bit)
{
    const uint32_t history = *slot >> 8 & 255;
    int32_t p = (int32_t)(*slot >> 16 ^ 32768);
    p += (((bit ? 65535 : 0) - p) * m->slot_rates[history]) >> 16;
    *slot = ((uint32_t)p ^ 32768) << 16 | (uint32_t)m->next_history[bit][history] << 8;
}

void INR_NAME(inr_code_samples)(inr_model *m, const inr_pixel *p, uint16_t *samples)
{
    const int64_t hashed = m->job->hashed, predicted = m->job->predicted, bits = m->bits;
    const uint16_t (*v)[MAX_CHANNELS] = (const uint16_t (*)[MAX_CHANNELS])m->values;
    const neighbours o = {v[p->w],
                          v[p->ww],
                          v[p->www],
                          v[p->n],
                          v[p->nn],
                          v[p->nnn],
                          v[p->nw],
                          v[p->ne],
                          v[p->nww],
                          v[p->nee],
                          v[p->nnw],
                          v[p->nne],
                          v[p->nnww],
                          v[p->nnee],
                          v[m->last_coded],
                          v[m->flat_before],
                          v[p->refusals ? p->refused[0] : p->w]};
    const int16_t *stretch = m->stretch;
    uint32_t before = 0, open = (1u << p->voters) - 1;
    const uint8_t *order = ORDER[m->channels];
    for (int turn = 0; turn < m->channels; turn++) {
        const int c = order[turn], k = turn ? order[turn - 1] : c,
                  f = turn > 1 ? order[turn - 2] : k;
        int32_t guess[MAX_PREDICTED], error = 0;
        uint32_t h[MAX_HASHED];
        if (turn)
            error = samples[k] - clip(o.w[k] + o.n[k] - o.nw[k], m->greatest);
        const int32_t likely = clip(o.w[c] + o.n[c] - o.nw[c] + error, m->greatest);
        sample_contexts(m, p, &o, c, turn > 0, error, likely, before, h);
        fetch_lines(m, h, 1);
        if (turn)
            predict_next(&o, c, k, f, samples, m->greatest, predicted, guess);
        else
            predict_first(&o, c, m->greatest, guess);
        const int32_t active =
            abs(o.w[c] - o.nw[c]) + abs(o.n[c] - o.nw[c]) + abs(o.n[c] - o.ne[c]);
        const int32_t rough = inr_steps((uint32_t)active >> (bits > 8 ? bits - 8 : 0));
        const uint32_t activity = (uint32_t)(rough < 15 ? rough : 15);
        const uint32_t wrong = turn ? 1u + (abs(error) > 2) + (abs(error) > 10) : 0;
        const uint32_t base = inr_hash(before, (uint32_t)c + 1), wanted = samples[c];
        inr_line *lines[MAX_HASHED];
        uint32_t node = 1;
        for (int64_t b = bits - 1; b >= 0; b--) {
            const int32_t middle = (int32_t)((node << (b + 1)) - (1u << bits) + (1u << b));
            int32_t x[MAX_INPUTS];
            uint32_t *slots[MAX_HASHED], *histories[MAX_HASHED], *near[MAX_PREDICTED];
            uint32_t adaptive[MAX_HASHED + MAX_PREDICTED];
            uint32_t *voted[MAX_VOTES], says[MAX_VOTES], known = 0, at[2];
            int64_t i, j = 0;
            const int64_t deep = (bits - 1 - b) & 3; /* how many bits of its line are known */
            memset(x, 0, (size_t)m->sample.lanes * sizeof *x);
            if (!deep)
                find_lines(m, h, node, lines);
            inr_mixing mixing;
            mixing.set[0] = turn * 16 + b;
            mixing.set[2] = ((turn * 16 + (int64_t)activity) * 4 + wrong) * 16 + b;
            mixing.last_set = turn * 16 + b;
            fetch_weights(&m->sample, mixing.set[2]);
            const uint32_t inner = (1u << deep) | (node & ((1u << deep) - 1));
            for (i = 0; i < hashed; i++, j += 2) {
                slots[i] = &lines[i]->slot[inner];
                const uint32_t history = *slots[i] >> 8 & 255;
                histories[i] = &m->histories[turn][i][history];
                adaptive[i] = *histories[i];
                if (!history)
                    continue;
                known++;
                x[j] = stretch[*slots[i] >> 20 ^ 2048];
                x[j + 1] = stretch[adaptive[i] >> 20];
            }
            for (i = 0; i < predicted; i++) {
                near[i] = &m->nearness[turn][i][b]
                                      [near_step(m, (guess[i] - middle) >> (b > 7 ? b - 7 : 0))];
                adaptive[hashed + i] = *near[i];
                x[j++] = stretch[*near[i] >> 20];
            }
            for (i = 0; i < (int64_t)p->voters; i++, j++) {
                if (!(open >> i & 1))
                    continue;
                says[i] = v[p->votes[i]][c] >> b & 1;
                voted[i] = &m->vote_states[turn][i][b][p->vote_scores[i]];
                x[j] = inr_logit(m, *voted[i]);
                if (!says[i])
                    x[j] = -x[j];
            }
            j += m->job->votes - (int64_t)p->voters;
            x[j] = 256;
            mixing.set[1] = (turn * 16 + b) * 16 + (known < 15 ? known : 15);
            INR_NAME(inr_mix)(m, &m->sample, x, &mixing);
            const uint32_t one = inr_refined(m->sample_maps[0],
                                             (uint32_t)mixing.set[0] * 16 + activity, mixing.mixed,
                                             at),
                           two = inr_refined(m->sample_maps[1], inr_hash(base, node) & 1023,
                                             mixing.mixed, at + 1),
                           probability = inr_legal((2 * (uint32_t)mixing.p_mixed + one + two) >> 2);
            const int bit = inr_graphics_bit(m->job, (int)(wanted >> b & 1), probability);
            INR_NAME(inr_mix_learn)(&m->sample, x, &mixing, bit, RATE);
            inr_refine(m->sample_maps[0], at[0], bit, 6);
            inr_refine(m->sample_maps[1], at[1], bit, 6);
            for (i = 0; i < hashed; i++)
                move_slot(m, slots[i], bit);
            inr_teach_all(adaptive, hashed + predicted, m->rates, bit);
            for (i = 0; i < hashed; i++)
                *histories[i] = adaptive[i];
            for (i = 0; i < predicted; i++)
                *near[i] = adaptive[hashed + i];
            for (i = 0; i < (int64_t)p->voters; i++)
                if (open >> i & 1) {
                    inr_teach(voted[i], says[i] == (uint32_t)bit, 255);
                    if (says[i] != (uint32_t)bit)
                        open &= ~(1u << i);
                }
            node = 2 * node + (uint32_t)bit;
        }
        samples[c] = (uint16_t)(node - (1u << bits));
        before = inr_hash(before, samples[c] + 1u);
    }
}
