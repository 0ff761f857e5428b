/* Trials: ref first, then the candidate, then every element, pose and guard byte. */
#include "trial.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/element.h"

static const row *ref_row(const problem *p, int step)
{
    for (const row *const *at = all_rows; *at; at++)
        if ((*at)->device == DEVICE_REF && (*at)->covers(&p->net, step, PRECISION_FP32) == 1)
            return *at;
    return NULL;
}

status trial_open(trial *t, problem *p)
{
    *t = (trial){.p = p};
    const row *rows[SESSION_WORKS];
    int counts[SESSION_WORKS];
    TRY(layout_make(p, &t->l));
    for (int i = 0; i < p->net.tensor_count; i++) t->want_at[i] = p->tensors[i].offset;
    for (int i = 0; i < p->net.step_count; i++) {
        rows[i] = ref_row(p, i);
        counts[i] = 1;
        if (!rows[i])
            return fail(STATUS_UNSUPPORTED, "%s: no ref row covers it", p->steps[i].nodes);
    }
    session s;
    status done = session_open(&s, p, &t->l, device_host(), PRECISION_FP32, 1, rows, counts,
                               p->net.step_count, 0);
    if (done == STATUS_OK) done = session_enqueue(&s);
    if (done == STATUS_OK) done = session_result(&s, &t->want);
    session_close(&s);
    return done;
}

void trial_close(trial *t)
{
    free(t->want);
    problem_free(&t->p);
    *t = (trial){0};
}

static void blame(verdict *v, const char *format, ...) STATUS_FORMAT(2, 3);

/* Keeps the first complaint. */
static void blame(verdict *v, const char *format, ...)
{
    if (!v->passed) return;
    v->passed = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(v->text, sizeof v->text, format, args);
    va_end(args);
}

/* Says that the result lay where the residual did. */
static void blame_place(verdict *v)
{
    static const char where[] = "in place: ";
    memmove(v->text + sizeof where - 1, v->text, sizeof v->text - sizeof where);
    memcpy(v->text, where, sizeof where - 1);
}

/* Whether `got` will do for `want`; NaN only for NaN, infinities only for the same. */
static int close_enough(float got, float want, double limit, double *worst)
{
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got)) return got == want;
    double difference = fabs((double)got - want) / (1 + fabs((double)want));
    if (difference > *worst) *worst = difference;
    return difference <= limit;
}

static void compare_tensor(const trial *t, int number, const unsigned char *got, double limit,
                           verdict *v)
{
    const tensor *y = &t->p->tensors[number];
    int at[AXES] = {0};
    int64_t i = 0;
    do {
        float g = element_load(got + y->offset, y->type, i);
        float w = element_load(t->want + t->want_at[number], y->type, i);
        if (!close_enough(g, w, limit, &v->worst))
            blame(v, "element %d,%d,%d,%d (n,y,x,c) of %dx%dx%dx%d is %.9g, not %.9g (limit %g)",
                  at[0], at[1], at[2], at[3], y->dims[0], y->dims[1], y->dims[2], y->dims[3],
                  (double)g, (double)w, limit);
        i++;
    } while (tensor_next(y, at));
}

static void compare_pose(int image, int index, const pose *got, const pose *want, double limit,
                         verdict *v)
{
    if (!close_enough(got->score, want->score, limit, &v->worst))
        blame(v, "picture %d, pose %d: score %.9g, not %.9g", image, index, (double)got->score,
              (double)want->score);
    for (int part = 0; part < PARTS; part++) {
        const keypoint *g = &got->keypoints[part], *w = &want->keypoints[part];
        if (!close_enough(g->x, w->x, limit, &v->worst) ||
            !close_enough(g->y, w->y, limit, &v->worst) ||
            !close_enough(g->score, w->score, limit, &v->worst))
            blame(v, "picture %d, pose %d, part %d: (%.9g, %.9g; %.9g), not (%.9g, %.9g; %.9g)",
                  image, index, part, (double)g->x, (double)g->y, (double)g->score, (double)w->x,
                  (double)w->y, (double)w->score);
    }
}

static void compare_poses(const trial *t, const unsigned char *got, double limit, verdict *v)
{
    const int *got_counts = (const int *)(const void *)(got + t->l.counts);
    const int *counts = (const int *)(const void *)(t->want + t->l.counts);
    const pose *got_poses = (const pose *)(const void *)(got + t->l.poses);
    const pose *poses = (const pose *)(const void *)(t->want + t->l.poses);
    for (int image = 0; image < t->p->picture_count; image++) {
        if (got_counts[image] != counts[image]) {
            blame(v, "picture %d: %d poses, not %d", image, got_counts[image], counts[image]);
            continue;
        }
        for (int i = 0; i < counts[image]; i++) {
            int index = image * t->p->pose_room + i;
            compare_pose(image, i, &got_poses[index], &poses[index], limit, v);
        }
    }
}

/* Marks as writable what a row may write: results, tensors between its steps, its workspace. */
static void mark_writable(const trial *t, size_t workspace_bytes, unsigned char *writable)
{
    const problem *p = t->p;
    for (int i = 0; i < p->net.tensor_count; i++)
        if (problem_is_made(p, i))
            memset(writable + p->tensors[i].offset, 1, tensor_bytes(&p->tensors[i]));
    if (t->l.poses) {
        size_t pictures = (size_t)p->picture_count;
        memset(writable + t->l.poses, 1, pictures * (size_t)p->pose_room * sizeof(pose));
        memset(writable + t->l.counts, 1, pictures * sizeof(int));
    }
    if (t->l.pictures) /* its pointers are the device's */
        memset(writable + t->l.pictures, 1, (size_t)p->picture_count * sizeof(picture));
    memset(writable + t->l.end, 1, workspace_bytes);
}

static status compare_rest(const trial *t, const session *s, const unsigned char *got, verdict *v)
{
    unsigned char *writable = heap_array(s->bytes, 1);
    if (!writable) return STATUS_MEMORY;
    mark_writable(t, s->works[0].workspace_bytes, writable);
    for (size_t i = 0; i < s->bytes; i++) {
        unsigned char expected = i < t->l.bytes
                                     ? t->l.initial[i]
                                     : (unsigned char)((uint32_t)SESSION_POISON >> 8 * (i % 4));
        if (writable[i] || got[i] == expected) continue;
        blame(v, "byte %zu of %zu was overwritten: it belongs to an input or a guard", i, s->bytes);
        break;
    }
    free(writable);
    return STATUS_OK;
}

static status compare(const trial *t, const session *s, const row *candidate, precision precision,
                      const unsigned char *got, verdict *v)
{
    double limit = precision == PRECISION_FP32 ? candidate->limit : candidate->limit_fp16;
    for (int i = 0; i < t->p->net.step_count; i++)
        if (work_writes(&s->works[0], &t->p->net, i))
            compare_tensor(t, t->p->steps[i].output, got, limit, v);
    if (t->l.poses) compare_poses(t, got, limit, v);
    return compare_rest(t, s, got, v);
}

/* Whether a row that could not prepare is none to be judged here: the host lacks its instructions,
 * the device one of the libraries, or the library such a way. */
static int is_excused(const row *candidate, int variant, status prepared)
{
    const check_device *device = device_of(candidate);
    if (prepared == STATUS_DEVICE) return candidate->device != DEVICE_CUDA;
    if (prepared != STATUS_UNSUPPORTED) return 0;
    return variant > 0 || (device->lacks_library && device->lacks_library(device->context));
}

static status judge(const trial *t, const row *candidate, int variant, precision precision,
                    int threads, verdict *out)
{
    *out = (verdict){.passed = 1};
    session s;
    unsigned char *got = NULL;
    status done = session_open(&s, t->p, &t->l, device_of(candidate), precision, threads,
                               &candidate, &t->p->net.step_count, 1, variant);
    if (is_excused(candidate, variant, done)) {
        out->skipped = 1;
        if (variant == 0) snprintf(out->text, sizeof out->text, "%s", fail_text());
        session_close(&s);
        return STATUS_OK;
    }
    if (done == STATUS_OK) done = session_enqueue(&s);
    if (done == STATUS_OK) done = session_result(&s, &got);
    if (done == STATUS_OK) done = compare(t, &s, candidate, precision, got, out);
    if (done != STATUS_OK) {
        blame(out, "%s: %s", status_name(done), fail_text());
        if (done != STATUS_MEMORY) done = STATUS_OK;
    }
    free(got);
    session_close(&s);
    return done;
}

/* The first step's output, if the row may write it where its residual lies, else -1. */
static int can_replace(const problem *p, const row *candidate)
{
    const step *s = &p->net.steps[0];
    if (!candidate->in_place || s->op != OP_CONV || s->input_count < 2) return -1;
    const tensor *y = &p->tensors[s->output], *residual = &p->tensors[s->inputs[1]];
    if (y->type != residual->type || tensor_count(y) != tensor_count(residual)) return -1;
    return s->inputs[1] == s->inputs[0] ? -1 : s->output;
}

status trial_judge(const trial *t, const row *candidate, int variant, precision precision,
                   int threads, verdict *out)
{
    TRY(judge(t, candidate, variant, precision, threads, out));
    int output = can_replace(t->p, candidate);
    if (output < 0 || !out->passed || out->skipped) return STATUS_OK;
    tensor *y = &t->p->tensors[output];
    double worst = out->worst;
    y->offset = t->want_at[t->p->net.steps[0].inputs[1]];
    status done = judge(t, candidate, variant, precision, threads, out);
    y->offset = t->want_at[output];
    if (worst > out->worst) out->worst = worst;
    if (!out->passed) blame_place(out);
    return done;
}
