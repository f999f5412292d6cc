/* Places where the picture was like this before, which are followed as long as they are right. */
#include "graphics.h"

#define LONGEST 255 /* of a match, in pixels */
#define COMPARED 31

void INR_NAME(inr_match_keys)(const inr_model *m, const inr_pixel *p, inr_match *matches)
{
    const uint32_t *here = m->pixels + p->at, *above = here - m->stride;
    uint32_t h =
        inr_hash(inr_hash(inr_hash(inr_hash(inr_hash(1, p->w), p->ww), p->n), p->nw), p->ne);
    h = inr_hash(inr_hash(inr_hash(inr_hash(h, p->nn), p->www), p->nee), p->nww);
    matches[0].key = h & matches[0].mask;
    h = inr_hash(inr_hash(inr_hash(inr_hash(h, p->nnn), p->nne), p->nnw), p->neee);
    h = inr_hash(inr_hash(inr_hash(h, p->nwww), p->nnee), p->nnww);
    for (int i = 4; i < 8; i++)
        h = inr_hash(inr_hash(h, here[-i]), above[i]);
    matches[1].key = h & matches[1].mask;
}

void INR_NAME(inr_look_for_match)(const inr_model *m, const inr_pixel *p, inr_match *a)
{
    const uint32_t at = (uint32_t)p->at, *pixels = m->pixels;
    if (!a->place && a->distances[p->x]) {
        a->place = at - a->distances[p->x];
        a->length = 1;
    }
    if (!a->place && a->key != NOTHING && a->places[a->key]) {
        const uint32_t place = a->places[a->key];
        uint32_t length = 0;
        while (length < COMPARED && pixels[place - 1 - length] == pixels[at - 1 - length])
            length++;
        a->place = length ? place : 0;
        a->length = length;
    }
}

void INR_NAME(inr_match_follow)(const inr_model *m, const inr_pixel *p, inr_match *a,
                                uint32_t colour)
{
    const uint32_t at = (uint32_t)p->at;
    if (a->place && m->pixels[a->place] == colour) {
        a->distances[p->x] = at - a->place;
        a->place++;
        if (a->length < LONGEST)
            a->length++;
    } else {
        a->distances[p->x] = a->place = a->length = 0;
    }
    if (a->key != NOTHING)
        a->places[a->key] = at;
}

/* What going on over a block does to a match. */
void INR_NAME(inr_match_leap)(const inr_pixel *p, inr_match *a)
{
    for (int64_t i = 0; i < BLOCK; i++)
        a->distances[p->x + i] = a->place ? (uint32_t)p->at - a->place : 0;
    if (a->place) {
        a->place += BLOCK;
        a->length = a->length < LONGEST - BLOCK ? a->length + BLOCK : LONGEST;
    }
}

/* What a pixel that is known does to a match. */
void INR_NAME(inr_match_end)(const inr_pixel *p, inr_match *a)
{
    a->distances[p->x] = a->place = a->length = 0;
}
