/* Decisions about what is expected, under few contexts: one or a block of pixels each. */
#include "graphics.h"

/* Codes whether what is expected is there, under few contexts. */
static int as_expected(inr_model *m, uint32_t (*map)[4096], const uint32_t *h, uint32_t set,
                       int wanted)
{
    uint32_t at[EXPECTED];
    int32_t x[LANES] = {0}, *weights = m->expected_weights[set];
    for (uint32_t i = 0; i < EXPECTED; i++) {
        at[i] = inr_hash(h[i], i) & 4095;
        x[i] = inr_logit(m, map[i][at[i]]);
    }
    x[EXPECTED] = 256;
    const int32_t probability = m->squash[INR_NAME(inr_dot)(weights, x, LANES) + 4096];
    const int bit = inr_graphics_bit(m->job, wanted, inr_legal((uint32_t)probability));
    INR_NAME(inr_learn)(weights, x, LANES, (bit ? 65535 : 0) - probability, 2,
                        m->expected_seen + set);
    for (uint32_t i = 0; i < EXPECTED; i++)
        inr_teach(&map[i][at[i]], bit, 1023);
    return bit;
}

/* Whether a pixel of a flat area goes on with its colour. */
int INR_NAME(inr_flat_goes_on)(inr_model *m, const inr_pixel *p, int wanted)
{
    const uint32_t above =
        m->ahead[0][p->x]; /* of the same colour, from the pixel to the north on */
    const uint32_t wide = above < 3 ? 0 : above < 9 ? above - 3 : above < 16 ? 6 : 7;
    const uint32_t matches = (uint32_t)((p->matched[0] != NOTHING) + (p->matched[1] != NOTHING));
    const uint32_t steps =
        (uint32_t)(inr_steps((uint32_t)p->run) * 16 + inr_steps((uint32_t)p->rise));
    const uint32_t h[EXPECTED] = {
        inr_hash(steps, wide), p->w, inr_hash(inr_hash(1, p->w), wide * 2 + (p->nnn == p->w)),
        inr_hash(2, ((uint32_t)inr_steps(p->length[1]) * 3 + matches) * 8 + wide),
        inr_hash(inr_hash(3, p->w), (uint32_t)p->x)};
    return as_expected(m, m->flat, h, wide * 3 + matches, wanted);
}

/* Whether all of a block do. */
int INR_NAME(inr_block_goes_on)(inr_model *m, const inr_pixel *p, int wanted)
{
    const uint32_t above = m->ahead[0][p->x] - BLOCK;
    const uint32_t matches = (uint32_t)((p->matched[0] != NOTHING) + (p->matched[1] != NOTHING));
    const uint32_t rise = (uint32_t)inr_steps((uint32_t)p->rise),
                   run = (uint32_t)inr_steps((uint32_t)p->run);
    const uint32_t h[EXPECTED] = {
        inr_hash(1, rise * 16 + run), inr_hash(2, p->w),
        inr_hash(inr_hash(3, rise), (uint32_t)inr_steps(above < 255 ? above : 255)),
        inr_hash(inr_hash(4, matches), (uint32_t)inr_steps(p->length[1])),
        inr_hash(inr_hash(5, p->w), rise)};
    return as_expected(m, m->block, h, 32 + matches, wanted);
}

/* Whether a pixel is what both places that are followed have. */
int INR_NAME(inr_match_goes_on)(inr_model *m, const inr_pixel *p, int wanted)
{
    const uint32_t e = p->matched[1];
    const uint32_t like =
        (uint32_t)((e == p->w) | (e == p->n) << 1 | (e == p->ne) << 2 | (e == p->nw) << 3 |
                   (p->w == p->n) << 4 | (p->n == p->ne) << 5 | (p->w == p->nw) << 6);
    const uint32_t step = (uint32_t)inr_steps(p->length[1]);
    const uint32_t h[EXPECTED] = {(uint32_t)inr_steps(p->length[0]) * 16 + step, inr_hash(1, e),
                                  inr_hash(inr_hash(inr_hash(2, e), p->w), p->n),
                                  inr_hash(inr_hash(3, like), step),
                                  inr_hash(inr_hash(4, like), (uint32_t)p->missed)};
    return as_expected(m, m->sure, h, 24 + (step < 15 ? step - 8 : 7), wanted);
}
