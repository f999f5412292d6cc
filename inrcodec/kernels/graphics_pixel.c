/* The colour of a pixel as one of the likely ones: contexts of growing size, each with the colours
   that were seen in it, say which these are, and how likely. */
#include <string.h>

#include "graphics.h"

#define MAX_LIKELY 16
#define MOST_ASKED 10
#define LEAST_FIRST 6000 /* P * 65536 of a colour that is asked for first, */
#define LEAST_NEXT 16000 /* and later */
#define RATE 6

/* The colours that any context or neighbour has: what speaks for each, and how often each context
   counted it; total: of all that may yet be, by context. */
typedef struct {
    uint32_t colour[MAX_LIKELY];
    int32_t score[MAX_LIKELY]; /* below 0: it was asked for */
    uint8_t own[MAX_LIKELY][MAX_PIXEL];
    uint32_t total[MAX_PIXEL];
    uint32_t many;
} likely;

static const uint8_t COUNT_STEP[32] = {0, 1, 2, 3, 4, 5, 5, 6, 6, 6, 7, 7, 7, 7, 7, 7,
                                       8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 9, 9, 9, 9, 9, 9};
/* Of nested contexts, by their size; 0: of others. */
static const uint8_t SIZE[MAX_PIXEL] = {6, 8, 3, 11, 9, 1, 2, 13, 10, 12,
                                        0, 0, 4, 5,  0, 0, 7, 0,  0,  0};

static uint32_t others_step(uint32_t v)
{
    if (v < 5)
        return v;
    return v < 6 ? 4 : v < 9 ? 5 : v < 16 ? 6 : v < 32 ? 7 : 8;
}

static void pixel_contexts(const inr_model *m, const inr_pixel *p, uint32_t *h)
{
    const uint32_t *here = m->pixels + p->at, *above = here - m->stride;
    const uint32_t *higher = above - 2 * m->stride;
    const uint32_t two = inr_hash(inr_hash(2, p->w), p->n);
    const uint32_t four = inr_hash(inr_hash(two, p->nw), p->ne), five = inr_hash(four, p->ww);
    const uint32_t six = inr_hash(five, p->nn);
    const uint32_t eight = inr_hash(inr_hash(six, p->nee), p->nww);
    const uint32_t ten = inr_hash(inr_hash(eight, p->nne), p->nnw);
    const uint32_t twelve = inr_hash(inr_hash(ten, p->www), p->nnn);
    uint32_t many = inr_hash(inr_hash(twelve, p->neee), p->nwww);
    h[0] = four;
    h[1] = six;
    h[2] = two;
    h[3] = twelve;
    h[4] = eight;
    h[5] = inr_hash(1, p->w);
    h[6] = inr_hash(3, p->n);
    h[8] = ten;
    h[9] = many = inr_hash(inr_hash(many, p->nnee), p->nnww);
    for (int i = 4; i < 7; i++)
        many = inr_hash(inr_hash(many, here[-i]), above[i]);
    h[7] = inr_hash(inr_hash(many, higher[-1]), higher[1]);
    h[10] = inr_hash(inr_hash(inr_hash(4, p->w), p->ww), p->www);
    h[11] = inr_hash(inr_hash(inr_hash(5, p->n), p->nn), p->nnn);
    h[12] = inr_hash(two, p->nw);
    h[13] = inr_hash(inr_hash(two, 6), p->ne);
    h[14] = inr_hash(inr_hash(inr_hash(7, p->w), p->nw), p->ne);
    h[15] = inr_hash(inr_hash(inr_hash(8, p->ne), p->n), p->nee);
    h[16] = five;
    h[17] = inr_hash(inr_hash(inr_hash(9, p->w), p->ne), p->nn);
    h[18] = inr_hash(inr_hash(inr_hash(10, p->w), p->nee), p->nn);
    h[19] = inr_hash(inr_hash(11, p->n), (uint32_t)p->x);
}

/* The place of a context; its own, or of two that it may take the one that is worth less, emptied.
 */
static inr_bucket *find(const inr_model *m, uint32_t h)
{
    inr_bucket *one = m->buckets + (h & m->bucket_mask),
               *other = m->buckets + ((h ^ 1) & m->bucket_mask);
    const uint16_t check = h >> 16 ? (uint16_t)(h >> 16) : 1;
    if (one->check == check)
        return one;
    if (other->check == check)
        return other;
    if (one->check && (!other->check || other->count[0] < one->count[0]))
        one = other;
    memset(one, 0, sizeof *one);
    one->check = check;
    return one;
}

/* Counts a colour in a context; those that are counted less often move behind. */
static void count(inr_bucket *b, uint32_t colour)
{
    int i = 0;
    while (i < MEMBERS && b->count[i] && b->colour[i] != colour)
        i++;
    if (i < MEMBERS && b->count[i]) {
        if (b->count[i] < 31)
            b->count[i]++;
    } else {
        if (i == MEMBERS)
            i--;
        b->colour[i] = colour;
        b->count[i] = 1;
    }
    for (int j = 0; j < MEMBERS; j++)
        if (j != i && b->count[j] > 2)
            b->count[j] = (uint8_t)((b->count[j] + 1) * 3 / 4);
    for (; i > 0 && b->count[i] >= b->count[i - 1]; i--) {
        const uint8_t times = b->count[i];
        const uint32_t moved = b->colour[i];
        b->count[i] = b->count[i - 1];
        b->colour[i] = b->colour[i - 1];
        b->count[i - 1] = times;
        b->colour[i - 1] = moved;
    }
}

/* The place of a colour, MAX_LIKELY if there is no room. */
static uint32_t place_of(likely *l, uint32_t colour)
{
    uint32_t i = 0;
    while (i < l->many && l->colour[i] != colour)
        i++;
    if (i == l->many && i < MAX_LIKELY) {
        l->colour[i] = colour;
        l->score[i] = 0;
        memset(l->own[i], 0, sizeof l->own[i]);
        l->many++;
    }
    return i;
}

static void add(likely *l, uint32_t colour, int32_t score)
{
    const uint32_t i = place_of(l, colour);
    if (i < MAX_LIKELY)
        l->score[i] += score;
}

/* The place of the likeliest colour that was not asked for; MAX_LIKELY if there is none. */
static uint32_t best_of(const likely *l)
{
    uint32_t best = MAX_LIKELY;
    int32_t score = -1;
    for (uint32_t i = 0; i < l->many; i++)
        if (l->score[i] > score) {
            score = l->score[i];
            best = i;
        }
    return best;
}

static void reject(const inr_model *m, likely *l, uint32_t i)
{
    l->score[i] = -1;
    for (int64_t c = 0; c < m->job->contexts; c++)
        l->total[c] -= l->own[i][c];
}

/* Fills it; returns the size of the largest context that has any colour. */
static uint32_t gather(const inr_model *m, const inr_pixel *p, inr_bucket **found, likely *l)
{
    uint32_t largest = 0;
    l->many = 0;
    for (int i = 0; i < MATCHES; i++)
        if (p->matched[i] != NOTHING)
            add(l, p->matched[i], p->length[i] > 15 ? 2000 : 100 * (int32_t)p->length[i]);
    for (int64_t i = 0; i < m->job->contexts; i++) {
        const inr_bucket *b = found[i];
        uint32_t sum = 0;
        for (int j = 0; j < MEMBERS; j++)
            sum += b->count[j];
        l->total[i] = sum;
        if (sum && SIZE[i] > largest)
            largest = SIZE[i];
        for (int j = 0; j < MEMBERS && b->count[j]; j++) {
            const uint32_t state = COUNT_STEP[b->count[j]] * 9u + others_step(sum - b->count[j]);
            const int32_t score = m->scores[state];
            const uint32_t place = place_of(l, b->colour[j]);
            if (place == MAX_LIKELY)
                break;
            l->own[place][i] = b->count[j];
            l->score[place] += score > 0 ? score : 0;
        }
    }
    add(l, p->w, 100);
    add(l, p->n, 100);
    add(l, p->ne, 50);
    add(l, p->nw, 50);
    if (p->refusals)
        for (uint32_t i = 0; i < l->many; i++)
            if (l->colour[i] == p->refused[0])
                reject(m, l, i);
    return largest;
}

uint32_t INR_NAME(inr_likely)(inr_model *m, inr_pixel *p, uint32_t wanted, inr_bucket **found)
{
    const int64_t contexts = m->job->contexts;
    const uint32_t near[12] = {p->w,   p->n,   p->nw,  p->ne,  p->ww,  p->nn,
                               p->nee, p->nww, p->nne, p->nnw, p->www, p->nnn};
    uint32_t h[MAX_PIXEL];
    likely l;
    pixel_contexts(m, p, h);
    for (int64_t i = 0; i < contexts; i++) {
        h[i] = inr_hash(h[i], (uint32_t)i);
        FETCH(m->buckets + (h[i] & m->bucket_mask));
    }
    for (int64_t i = 0; i < contexts; i++)
        found[i] = find(m, h[i]);
    const uint32_t largest = gather(m, p, found, &l);
    /* which of the neighbours are alike, whatever their colours */
    const uint32_t equal =
        (uint32_t)((p->w == p->n) | (p->w == p->nw) << 1 | (p->n == p->nw) << 2 |
                   (p->n == p->ne) << 3 | (p->w == p->ww) << 4 | (p->n == p->nn) << 5);
    const uint32_t wider =
        equal | (uint32_t)((p->nw == p->ne) << 6 | (p->ne == p->nee) << 7 | (p->nw == p->nww) << 8);
    const uint32_t widest = wider | (uint32_t)((p->nn == p->nne) << 9 | (p->nn == p->nnw) << 10 |
                                               (p->ne == p->nne) << 11 | (p->nw == p->nnw) << 12 |
                                               (p->ww == p->www) << 13 | (p->nn == p->nnn) << 14 |
                                               (p->w == p->ne) << 15 | (p->w == p->nww) << 16 |
                                               (p->ww == p->nw) << 17 | (p->ww == p->nww) << 18);
    const uint32_t steps =
        (uint32_t)(inr_steps((uint32_t)p->run) * 16 + inr_steps((uint32_t)p->rise));
    for (uint32_t turn = 0; turn < MOST_ASKED; turn++) {
        int32_t x[MAX_INPUTS];
        uint32_t *taught[MAX_INPUTS], agree = 0, deny = 0, at[2];
        const uint32_t place = best_of(&l);
        if (place == MAX_LIKELY)
            break;
        const uint32_t colour = l.colour[place];
        int64_t k = 0;
        memset(x, 0, (size_t)m->pixel.lanes * sizeof *x);
        for (int64_t i = 0; i < contexts; i++, k++) {
            const uint32_t own = l.own[place][i], sum = l.total[i];
            taught[k] = NULL;
            if (!sum)
                continue;
            taught[k] = &m->states[i][COUNT_STEP[own] * 9u + others_step(sum - own)];
            x[k] = inr_logit(m, *taught[k]);
            agree += own == sum;
            deny += own == 0;
        }
        uint32_t like = 0;
        while (like < 12 && near[like] != colour)
            like++;
        const uint32_t follows =
            (uint32_t)((p->matched[0] == colour) + 2 * (p->matched[1] == colour));
        const uint32_t contexts_of_pattern[PATTERNS] = {
            inr_hash(wider, like),
            inr_hash(inr_hash(1, widest & 8191), like),
            inr_hash(inr_hash(2, widest), like),
            inr_hash(inr_hash(colour, p->w), 7),
            inr_hash(inr_hash((uint32_t)p->missed, like), turn),
            inr_hash(inr_hash(steps, like), equal & 15),
            inr_hash(inr_hash(colour, p->n), turn + 5),
            inr_hash(inr_hash(follows | ((uint32_t)inr_steps(p->length[0]) << 2) |
                                  ((uint32_t)inr_steps(p->length[1]) << 8),
                              agree < 4 ? agree : 4),
                     deny < 3 ? deny : 3),
        };
        for (uint32_t i = 0; i < PATTERNS; i++, k++) {
            taught[k] = m->patterns[i] + (inr_hash(contexts_of_pattern[i], i) & m->pattern_mask);
            x[k] = inr_logit(m, *taught[k]);
        }
        for (int i = 0; i < MATCHES; i++, k++) {
            taught[k] = NULL;
            if (p->matched[i] == NOTHING)
                continue;
            taught[k] = &m->match_states[i][(p->matched[i] == colour) * 64u +
                                            (p->length[i] < 63 ? p->length[i] : 63)];
            x[k] = inr_logit(m, *taught[k]);
        }
        taught[k] = &m->agreement[(agree < 8 ? agree : 8) * 9 + (deny < 8 ? deny : 8)];
        x[k] = inr_logit(m, *taught[k]);
        k++;
        x[k] = 256;
        inr_mixing mixing;
        mixing.set[0] = (turn < 7 ? turn : 7) * 64 + largest * 4 + follows;
        mixing.set[1] = (turn > 0) * 512u + (like < 7 ? like : 7) * 64 + equal;
        mixing.set[2] =
            ((agree < 7 ? agree : 7) * 8 + (deny < 7 ? deny : 7)) * 4 + (turn < 3 ? turn : 3);
        mixing.last_set = turn < 7 ? turn : 7;
        INR_NAME(inr_mix)(m, &m->pixel, x, &mixing);
        const uint32_t one = inr_refined(m->pixel_maps[0], (turn < 2 ? turn : 1) * 512 + wider,
                                         mixing.mixed, at),
                       two = inr_refined(m->pixel_maps[1],
                                         inr_hash(inr_hash(colour, p->w), p->n) & 16383,
                                         mixing.mixed, at + 1),
                       probability = inr_legal((2 * (uint32_t)mixing.p_mixed + one + two) >> 2);
        if (probability < (turn ? LEAST_NEXT : LEAST_FIRST))
            break;
        const int bit = inr_graphics_bit(m->job, colour == wanted, probability);
        INR_NAME(inr_mix_learn)(&m->pixel, x, &mixing, bit, RATE);
        inr_refine(m->pixel_maps[0], at[0], bit, 6);
        inr_refine(m->pixel_maps[1], at[1], bit, 5);
        for (int64_t i = 0; i < k; i++)
            if (taught[i])
                inr_teach(taught[i], bit, 255);
        if (bit) {
            m->misses[p->x] = turn > 0;
            return colour;
        }
        reject(m, &l, place);
        if (p->refusals < 2)
            p->refused[p->refusals++] = colour;
    }
    for (p->voters = 0; p->voters < m->job->votes; p->voters++) {
        const uint32_t place = best_of(&l);
        if (place == MAX_LIKELY)
            break;
        const int32_t score = l.score[place] >> 9;
        p->votes[p->voters] = l.colour[place];
        p->vote_scores[p->voters] = score > 15 ? 15 : (uint32_t)score;
        l.score[place] = -1;
    }
    return NOTHING;
}

void INR_NAME(inr_count)(const inr_model *m, inr_bucket **found, uint32_t colour)
{
    for (int64_t i = 0; i < m->job->contexts; i++)
        count(found[i], colour);
}
