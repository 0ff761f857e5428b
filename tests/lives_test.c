/* Which results take the place of their residuals, in plans made by hand. */
#include "engine/plan/lives.h"

#include <criterion/criterion.h>

enum { INPUT, LEFT, RIGHT, SUM, AFTER, HEADS, TENSORS, STEPS = 6, DECODED = STEPS - 1 };

/* As rows of the name. */
static const row places = {.name = "places", .in_place = 1},
                 places_and_writes_all = {.name = "places_all",
                                          .in_place = 1,
                                          .writes = ROW_WRITES_ALL},
                 other = {.name = "other"};

/* A picture; two convolutions of it; a third of LEFT that adds RIGHT; a fourth, HEADS; decode. */
typedef struct chain {
    tensor tensors[TENSORS];
    step steps[STEPS];
    work works[STEPS];
    int work_of[STEPS];
    plan p;
    arena_item lives[TENSORS];
    int room_of[TENSORS];
} chain;

static void set_step(chain *c, int i, op o, int input, int output)
{
    c->steps[i] = (step){.op = o, .input_count = 1, .inputs = {input}, .output = output};
    c->works[i] = (work){.row = &places, .first = i, .count = 1};
    c->work_of[i] = i;
}

static void make_chain(chain *c)
{
    *c = (chain){0};
    for (int i = 0; i < TENSORS; i++)
        c->tensors[i] = (tensor){.type = TYPE_FP16, .dims = {2, 3, 5, 8}};
    set_step(c, 0, OP_PREPROCESS, 0, INPUT);
    c->steps[0].input_count = 0;
    set_step(c, 1, OP_CONV, INPUT, RIGHT);
    set_step(c, 2, OP_CONV, INPUT, LEFT);
    set_step(c, 3, OP_CONV, LEFT, SUM);
    c->steps[3].inputs[c->steps[3].input_count++] = RIGHT;
    set_step(c, 4, OP_CONV, SUM, HEADS);
    set_step(c, DECODED, OP_DECODE, HEADS, -1);
    c->p = (plan){.net = {TENSORS, STEPS, c->tensors, c->steps},
                  .works = c->works,
                  .work_count = STEPS,
                  .work_of = c->work_of,
                  .input = INPUT,
                  .heads = {HEADS, HEADS, HEADS, HEADS}};
}

static int room_of(chain *c, int tensor)
{
    lives_find(&c->p, 0, c->lives, c->room_of);
    return c->room_of[tensor];
}

/* Steps `first` and the next become one work. */
static void join(chain *c, int first, const row *r)
{
    c->works[first] = (work){.row = r, .first = first, .count = 2};
    for (int i = first + 1; i < STEPS - 1; i++) c->works[i] = c->works[i + 1];
    for (int i = first + 1; i < STEPS; i++) c->work_of[i]--;
    c->p.work_count--;
}

Test(lives, a_sum_takes_the_place_of_its_residual)
{
    chain c;
    make_chain(&c);
    cr_expect_eq(room_of(&c, SUM), RIGHT);
    cr_expect_eq(room_of(&c, HEADS), HEADS);
    cr_expect_eq(c.lives[RIGHT].first, 1);
    cr_expect_eq(c.lives[RIGHT].last, 4, "as long as the sum");
    lives_find(&c.p, 1, c.lives, c.room_of);
    cr_expect_eq(c.room_of[SUM], SUM, "all are kept");
    make_chain(&c);
    c.works[3].row = &other;
    cr_expect_eq(room_of(&c, SUM), SUM, "the row does not say that it can");
}

Test(lives, sums_of_sums_share_one_place)
{
    chain c;
    make_chain(&c);
    c.steps[4].inputs[0] = LEFT;
    c.steps[4].inputs[c.steps[4].input_count++] = SUM;
    cr_expect_eq(room_of(&c, SUM), RIGHT);
    cr_expect_eq(c.room_of[HEADS], RIGHT);
    cr_expect_eq(c.lives[RIGHT].last, STEPS - 1, "heads are read from outside");
}

Test(lives, who_is_needed_keeps_its_place)
{
    chain c;
    make_chain(&c);
    c.steps[4].inputs[0] = RIGHT;
    cr_expect_eq(room_of(&c, SUM), SUM, "the residual is read later");
    make_chain(&c);
    c.steps[3].inputs[0] = RIGHT;
    cr_expect_eq(room_of(&c, SUM), SUM, "it is multiplied, too");
    make_chain(&c);
    c.p.heads[2] = RIGHT;
    cr_expect_eq(room_of(&c, SUM), SUM, "it is a head");
    make_chain(&c);
    c.p.heads[2] = AFTER;
    c.tensors[AFTER].window.of = RIGHT;
    c.tensors[AFTER].window.channels = 8;
    cr_expect_eq(room_of(&c, SUM), SUM, "a head is a window of it");
    make_chain(&c);
    c.steps[3].inputs[1] = INPUT;
    cr_expect_eq(room_of(&c, SUM), SUM, "it is set from outside");
    make_chain(&c);
    c.tensors[RIGHT].constant = (const float[1]){0};
    cr_expect_eq(room_of(&c, SUM), SUM, "it is a constant");
}

Test(lives, only_what_is_alike_takes_a_place)
{
    chain c;
    make_chain(&c);
    c.tensors[SUM].type = TYPE_FP32;
    cr_expect_eq(room_of(&c, SUM), SUM, "it is longer");
    make_chain(&c);
    c.tensors[RIGHT].dims[AXIS_H] = 1;
    cr_expect_eq(room_of(&c, SUM), SUM, "the residual is broadcast");
    make_chain(&c);
    c.steps[3].op = OP_BINARY;
    cr_expect_eq(room_of(&c, SUM), SUM, "it is no convolution");
}

Test(lives, of_rows_of_two_steps)
{
    chain c;
    make_chain(&c);
    join(&c, 3, &places_and_writes_all);
    cr_expect_eq(room_of(&c, SUM), RIGHT);
    cr_expect_eq(c.room_of[HEADS], HEADS);
    make_chain(&c);
    join(&c, 3, &places);
    cr_expect_eq(room_of(&c, SUM), SUM, "it stays inside");
    cr_expect_eq(c.lives[SUM].first, -1);
    make_chain(&c);
    join(&c, 3, &places_and_writes_all);
    c.steps[4].inputs[c.steps[4].input_count++] = RIGHT;
    cr_expect_eq(room_of(&c, SUM), SUM, "the second step reads the residual");
    make_chain(&c);
    join(&c, 2, &places_and_writes_all);
    cr_expect_eq(room_of(&c, SUM), SUM, "the second step's is none of the row's");
}
