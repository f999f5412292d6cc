/* jpeg/entropy/scans.py: what decoding and encoding a JPEG scan have in common. */
#ifndef INR_JPEG_SCAN_H
#define INR_JPEG_SCAN_H

#include <stdint.h>

#define MOST_COMPONENTS 4
#define BLOCK 64
#define LONGEST_CODE 16
#define TABLE (LONGEST_CODE + 256) /* counts of codes of each length, then the symbols */
#define MOST_SIZE 15               /* bits of a difference or coefficient */
#define LONGEST_RUN 0x7FFF
/* libjpeg ends an EOB run with more correction bits, as its room for them is full */
#define MOST_CORRECTIONS 937

enum { SEQUENTIAL, DC_FIRST, DC_REFINE, AC_FIRST, AC_REFINE };

typedef struct {
    int h, v;       /* blocks of an MCU */
    int64_t across; /* blocks in a row of its array */
    int16_t *blocks;
    int64_t predicted; /* DC of the last block */
} jpeg_component;

typedef struct {
    int kind, ss, se, al;
    int64_t restart, across, down; /* the last two in MCUs */
    int count, bare; /* bare: EOB runs are as BARE of jpeg/entropy/plan.py has them */
    jpeg_component components[MOST_COMPONENTS];
} jpeg_scan;

static void read_plan(jpeg_scan *s, const int64_t *plan, int16_t *const *arrays)
{
    s->kind = (int)plan[0];
    s->ss = (int)plan[1];
    s->se = (int)plan[2];
    s->al = (int)plan[3];
    s->restart = plan[4];
    s->down = plan[5];
    s->across = plan[6];
    s->count = (int)plan[7];
    s->bare = (int)plan[8];
    for (int i = 0; i < s->count; i++) {
        jpeg_component *c = &s->components[i];
        c->h = (int)plan[9 + 3 * i];
        c->v = (int)plan[10 + 3 * i];
        c->across = plan[11 + 3 * i];
        c->blocks = arrays[i];
        c->predicted = 0;
    }
}

/* An EOB run so far. */
typedef struct {
    int64_t length, corrections; /* blocks, and correction bits */
    int bare;                    /* whether the last block has neither symbols nor such bits */
} eob_run;

/* Whether a run ends before a block that has nothing but so many correction bits. */
static int ends_before(const jpeg_scan *s, const eob_run *run, int64_t corrections)
{
    if (run->length == LONGEST_RUN)
        return 1;
    return s->bare ? !run->bare || corrections > 0 : run->corrections > MOST_CORRECTIONS;
}

static void restart_prediction(jpeg_scan *s)
{
    for (int i = 0; i < s->count; i++)
        s->components[i].predicted = 0;
}

/* Block number `part` of an MCU in a component. */
static int16_t *block_of(const jpeg_scan *s, const jpeg_component *c, int64_t mcu, int part)
{
    int64_t row = mcu / s->across * c->v + part / c->h;
    int64_t column = mcu % s->across * c->h + part % c->h;
    return c->blocks + BLOCK * (row * c->across + column);
}

static int magnitude(int value)
{
    return value < 0 ? -value : value;
}

#endif
