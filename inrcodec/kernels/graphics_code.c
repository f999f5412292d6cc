/* The pixels of a picture, in raster order: in flat areas a decision a block, or one each;
   elsewhere one of the likely colours, or its samples. */
#include <stdlib.h>
#include <string.h>

#include "graphics.h"

/* Whether a flat area may go on over a block: the rows above do, and what is followed. */
static int is_block(const inr_model *m, const inr_pixel *p, const inr_match *matches)
{
    if (m->known && memchr(m->known + p->x, 1, BLOCK))
        return 0;
    if (!m->job->blocks || p->x < 2 || m->ahead[0][p->x - 2] < BLOCK + 5 ||
        m->ahead[1][p->x - 1] < BLOCK + 3)
        return 0;
    for (int i = 0; i < MATCHES; i++) {
        const uint32_t place = matches[i].place;
        uint32_t other = 0;
        if (!place)
            continue;
        /* what is followed may itself be of the block */
        const uint32_t known = p->at - place < BLOCK ? (uint32_t)p->at - place : BLOCK;
        for (uint32_t j = 0; j < known; j++)
            other |= m->pixels[place + j] ^ p->w;
        if (other)
            return 0;
    }
    return 1;
}

/* Whether all of a block's pixels are as the one before it, which an encoder knows. */
static int same(const inr_model *m, const uint16_t *samples)
{
    return !m->job->decoder &&
           memcmp(samples, samples - m->channels, BLOCK * 2 * (size_t)m->channels) == 0;
}

static void look_around(const inr_model *m, inr_pixel *p)
{
    const uint32_t *here = m->pixels + p->at, *above = here - m->stride,
                   *second = above - m->stride;
    p->w = here[-1];
    p->ww = here[-2];
    p->www = here[-3];
    p->n = above[0];
    p->nw = above[-1];
    p->ne = above[1];
    p->nww = above[-2];
    p->nee = above[2];
    p->nwww = above[-3];
    p->neee = above[3];
    p->nn = second[0];
    p->nnw = second[-1];
    p->nne = second[1];
    p->nnww = second[-2];
    p->nnee = second[2];
    p->nnn = second[-m->stride];
}

static int is_even(const inr_pixel *p)
{
    const uint32_t w = p->w;
    return w == p->n && w == p->nw && w == p->ne && w == p->ww && w == p->nn && w == p->nee &&
           w == p->nww && w == p->nnw && w == p->nne;
}

/* Codes a pixel; its colour's number, or NOTHING without memory. */
static uint32_t code_pixel(inr_model *m, inr_pixel *p, uint16_t *samples)
{
    inr_bucket *found[MAX_PIXEL];
    uint32_t wanted = NOTHING;
    const int decodes = m->job->decoder != NULL;
    if (!decodes && (wanted = INR_NAME(inr_colour_number)(m, samples)) == NOTHING)
        return NOTHING;
    p->refusals = 0;
    m->misses[p->x] = 0;
    if (is_even(p) && (p->matched[0] == NOTHING || p->matched[0] == p->w) &&
        (p->matched[1] == NOTHING || p->matched[1] == p->w)) {
        if (INR_NAME(inr_flat_goes_on)(m, p, wanted == p->w)) {
            if (p->w != m->flat_colour) {
                m->flat_before = m->flat_colour;
                m->flat_colour = p->w;
            }
            return p->w;
        }
        p->refused[0] = p->w;
        p->refusals = 1;
    } else if (p->matched[1] != NOTHING && p->matched[0] == p->matched[1] &&
               p->length[1] >= m->job->sure) {
        if (INR_NAME(inr_match_goes_on)(m, p, wanted == p->matched[1]))
            return p->matched[1];
        p->refused[0] = p->matched[1];
        p->refusals = 1;
    }
    uint32_t colour = INR_NAME(inr_likely)(m, p, wanted, found);
    if (colour == NOTHING) {
        INR_NAME(inr_code_samples)(m, p, samples);
        m->misses[p->x] = 2;
        colour = m->last_coded = decodes ? INR_NAME(inr_colour_number)(m, samples) : wanted;
        if (colour == NOTHING)
            return NOTHING;
    }
    INR_NAME(inr_count)(m, found, colour);
    return colour;
}

/* Goes on behind a pixel of a colour. */
static void pass(inr_model *m, inr_pixel *p, uint32_t colour)
{
    m->pixels[p->at] = colour;
    p->run = colour == p->w ? p->run + (p->run < 255) : 0;
    m->rises[p->x] = colour == p->n ? (uint8_t)(p->rise + (p->rise < 255)) : 0;
}

/* Which pixels of a row are in boxes. */
static void fill_known(const inr_model *m, int64_t y)
{
    memset(m->known, 0, (size_t)m->job->width);
    for (int64_t i = 0; i < m->job->boxes; i++) {
        const int64_t *box = m->job->box + 4 * i;
        if (y >= box[0] && y < box[0] + box[2])
            memset(m->known + box[1], 1, (size_t)box[3]);
    }
}

/* Codes a row; 0, or 1 without memory. */
static int code_row(inr_model *m, inr_match *matches, int64_t y)
{
    const inr_graphics *g = m->job;
    const int64_t width = g->width, channels = m->channels;
    uint32_t *row = m->pixels + (MARGIN + y) * m->stride + PAD;
    uint8_t *rises = m->rises;
    inr_pixel p = {0};
    for (int64_t i = 1; i <= PAD; i++)
        row[-i] = row[-m->stride];
    if (m->known)
        fill_known(m, y);
    /* misses: those of the row above at and behind the column, of this row before it */
    int32_t corner = 0;
    for (int64_t x = 0; x < width; x++) {
        uint16_t *samples = g->samples + (y * width + x) * channels;
        p.x = x;
        p.at = row + x - m->pixels;
        look_around(m, &p);
        p.rise = rises[x];
        const int32_t over = m->misses[x];
        p.missed = (x ? m->misses[x - 1] : 0) * 27 + over * 9 + corner * 3 +
                   (x + 1 < width ? m->misses[x + 1] : 0);
        if (m->known && m->known[x]) {
            const uint32_t there = INR_NAME(inr_colour_number)(m, samples);
            if (there == NOTHING)
                return 1;
            for (int i = 0; i < MATCHES; i++)
                INR_NAME(inr_match_end)(&p, matches + i);
            pass(m, &p, there);
            m->misses[x] = 0;
            corner = over;
            continue;
        }
        const int even = is_even(&p);
        matches[0].key = matches[1].key = NOTHING;
        if (!even)
            INR_NAME(inr_match_keys)(m, &p, matches);
        for (int i = 0; i < MATCHES; i++) {
            INR_NAME(inr_look_for_match)(m, &p, matches + i);
            p.matched[i] = matches[i].place ? m->pixels[matches[i].place] : NOTHING;
            p.length[i] = matches[i].length;
        }
        if (even && is_block(m, &p, matches) &&
            INR_NAME(inr_block_goes_on)(m, &p, same(m, samples))) {
            for (int64_t i = 0; i < BLOCK; i++) {
                row[x + i] = p.w;
                rises[x + i] = (uint8_t)(rises[x + i] + (rises[x + i] < 255));
                m->misses[x + i] = 0;
            }
            if (g->decoder)
                for (int64_t i = 0; i < BLOCK * channels; i++)
                    samples[i] = samples[i - channels];
            for (int i = 0; i < MATCHES; i++)
                INR_NAME(inr_match_leap)(&p, matches + i);
            p.run = p.run < 255 - BLOCK ? p.run + BLOCK : 255;
            x += BLOCK - 1;
            corner = 0;
            continue;
        }
        const uint32_t colour = code_pixel(m, &p, samples);
        if (colour == NOTHING)
            return 1;
        memcpy(samples, m->values[colour], (size_t)channels * sizeof *samples);
        for (int i = 0; i < MATCHES; i++)
            INR_NAME(inr_match_follow)(m, &p, matches + i, colour);
        pass(m, &p, colour);
        corner = over;
    }
    uint32_t *ahead = m->ahead[1];
    m->ahead[1] = m->ahead[0];
    m->ahead[0] = ahead;
    for (int64_t x = width - 1; x >= 0; x--)
        ahead[x] = x + 1 < width && row[x + 1] == row[x] ? ahead[x + 1] + 1 : 1;
    for (int64_t i = 0; i < PAD; i++) {
        row[-1 - i] = row[0];
        row[width + i] = row[width - 1];
    }
    for (int i = 0; i < MATCHES; i++)
        matches[i].place = matches[i].length = 0;
    return 0;
}

/* A picture that is coded row by row. */
typedef struct {
    inr_graphics job;
    inr_model model;
    inr_match matches[MATCHES];
    int64_t rows; /* that were coded */
} inr_drawing;

/* Frees what inr_open_graphics returned. */
INR_EXPORT void INR_NAME(inr_close_graphics)(void *opened)
{
    inr_drawing *d = opened;
    if (!d)
        return;
    INR_NAME(inr_close_model)(&d->model);
    free(d);
}

/* What inr_code_rows goes on with, of which the caller keeps samples, tables and coder alive; NULL
   without memory. */
INR_EXPORT void *INR_NAME(inr_open_graphics)(const inr_graphics *g)
{
    inr_drawing *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    inr_model *m = &d->model;
    d->job = *g;
    m->job = &d->job;
    m->stretch = g->stretch;
    m->squash = g->squash;
    m->channels = g->channels;
    m->bits = g->bits;
    m->greatest = (int32_t)((1u << g->bits) - 1);
    if (INR_NAME(inr_open_model)(m, d->matches))
        return d;
    INR_NAME(inr_close_graphics)(d);
    return NULL;
}

/* Codes the next rows, of which there are so many; 0, 1 where memory is missing, 2 where the
   encoder's room is. */
INR_EXPORT int INR_NAME(inr_code_rows)(void *opened, int64_t rows)
{
    inr_drawing *d = opened;
    for (; rows > 0; rows--)
        if (code_row(&d->model, d->matches, d->rows++))
            return 1;
    return d->job.encoder && d->job.encoder->overflow ? 2 : 0;
}

/* As inr_sum_weights; for training. */
INR_EXPORT void INR_NAME(inr_learned_weights)(const void *opened, int64_t most, int64_t *pixel,
                                              int64_t *sample, int64_t *expected)
{
    INR_NAME(inr_sum_weights)(&((const inr_drawing *)opened)->model, most, pixel, sample, expected);
}
