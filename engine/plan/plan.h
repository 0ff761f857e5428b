/* One model at one size, batch and precision on one device: the steps, the rows that compute them,
 * and where every tensor lies.
 *
 * Steps: OP_PREPROCESS, the model's own, OP_DECODE. Works cover them in order without gaps. A plan
 * never changes once made; slots (engine/device/slot.h) run it.
 *
 *   for (int i = 0; i < p->work_count; i++) {
 *       const work *w = &p->works[i];
 *       for (int s = w->first; s < w->first + w->count; s++)
 *           printf("%s by %s: %s\n", op_name(p->net.steps[s].op), w->row->name,
 *                  p->net.steps[s].nodes);
 *   }
 */
#ifndef POSENET_ENGINE_PLAN_PLAN_H
#define POSENET_ENGINE_PLAN_PLAN_H

#include "engine/device/device.h"
#include "engine/model/model.h"
#include "engine/plan/cover.h"
#include "kernels/op.h"
#include "kernels/pack.h"

struct plan_request;

/* Chooses what computes the network of `cover`, whose tensors have their types: row, first, count
 * and variant of every work in order in *works, from `p`. */
typedef status (*plan_choose)(void *user, const struct plan_request *request,
                              const cover_request *cover, pool *p, work **works, int *count);

typedef struct plan_request {
    const model *model;
    device *device;
    pack_cache *packs;        /* of this model on this device; outlives the plan */
    int width, height, batch; /* legal already: model_input_size */
    precision precision;      /* what the device computes; ref and cpu: PRECISION_FP32 only */
    int max_poses;            /* room an image */
    int threads;              /* of cpu rows; 0: all */
    int keep_all;             /* every tensor has room of its own: for validate, the tuner */
    const row *const *rows;   /* NULL: all_rows */
    plan_choose choose;       /* NULL: the cheapest cover by the rows' estimates */
    void *choose_user;
    size_t spare_bytes; /* room at the arena's end that nothing of the plan uses */
} plan_request;

typedef struct plan {
    pool *pool;
    device_kind device;
    precision precision;
    int width, height, batch, stride, max_poses;
    network net;
    int work_count;
    work *works;             /* in order; works[0] begins with OP_PREPROCESS */
    int *work_of;            /* one a step: the work that computes it */
    int input;               /* tensor that preprocess writes and infer sets */
    int heads[DECODE_HEADS]; /* tensors; readable after a frame until the slot's next one */
    int logits;              /* the heatmap still needs the sigmoid */
    int network_first, network_count; /* works between preprocess and decode */
    size_t arena_bytes;               /* of one slot */
    size_t spare;                     /* offset of the spare bytes */
    size_t arena_bound;      /* the largest sum of tensors and workspace alive at one step */
    unsigned char *has_room; /* one a tensor: 0 for constants and a row's inner tensors */
} plan;

/* A plan_choose: the works of the plan `user`, such as another one's of the same model and size. */
status plan_choose_same(void *user, const plan_request *request, const cover_request *cover,
                        pool *p, work **works, int *count) STATUS_MUST_CHECK;

/* What rows may use while they prepare for such a plan. */
prepare_context plan_prepare_context(const plan_request *request);

/* A row that refuses its own way (STATUS_UNSUPPORTED) gives way to the others; one that refuses
 * another way fails the plan: who chose that way has to choose again. */
status plan_make(const plan_request *request, plan **out) STATUS_MUST_CHECK;

/* No slot may use it any more. NULL and a null plan are fine. */
void plan_free(plan **p);

/* Element type of the tensors that a plan of this precision computes: fp16 under PRECISION_FP16
 * but for the heads, which stay fp32 (an offset of 300 pixels has steps of 0.25 in fp16). */
element_type plan_tensor_type(precision precision, int is_head);

/* Bytes of the model's weights and other constants that the plan reads, each counted once. */
int64_t plan_weight_bytes(const plan *p);

#endif
