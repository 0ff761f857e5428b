/* Which runtimes there are: the engine's own and what bench/peers offers. */
#include "bench/bench.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PEERS = 32 };

static int wanted(const bench_options *o, const char *name, const char *device)
{
    if (o->device && strcmp(o->device, device)) return 0;
    if (!o->only) return 1;
    size_t length = strlen(name);
    for (const char *at = o->only; (at = strstr(at, name)); at += length) {
        int starts = at == o->only || at[-1] == ',';
        if (starts && (at[length] == ',' || at[length] == '\0')) return 1;
    }
    return 0;
}

static int add(runner *out, int count, const char *name, const char *device, const char *program,
               int ours)
{
    runner *r = &out[count];
    memset(r, 0, sizeof *r);
    snprintf(r->name, sizeof r->name, "%s", name);
    snprintf(r->device, sizeof r->device, "%s", device);
    snprintf(r->program, sizeof r->program, "%s", program);
    r->ours = ours;
    return count + 1;
}

/* Whether a variant takes part in a measure: in all, unless it says in which. */
static int measures(const cJSON *variant, const char *measure)
{
    const cJSON *list = cJSON_GetObjectItem(variant, "measures"), *item;
    cJSON_ArrayForEach(item, list)
    {
        const char *name = cJSON_GetStringValue(item);
        if (name && !strcmp(name, measure)) return 1;
    }
    return !list;
}

/* Takes the variants of one peers file: it prints {"variants": [{"name":…, "device":…}]} and exits.
 */
static int list_variants(const bench_options *o, runner *lister, runner *out, int count,
                         int capacity)
{
    const char *path = lister->program;
    cJSON *reply = worker_variants(lister);
    if (!reply) fprintf(stderr, "posenet-bench: %s lists no variants: %s\n", path, lister->why);
    const cJSON *variant;
    cJSON_ArrayForEach(variant, cJSON_GetObjectItem(reply, "variants"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(variant, "name"));
        const char *device = cJSON_GetStringValue(cJSON_GetObjectItem(variant, "device"));
        if (!name || !device || count == capacity || !wanted(o, name, device)) continue;
        if (!measures(variant, o->the_case.measure)) continue;
        count = add(out, count, name, device, path, 0);
        out[count - 1].single = cJSON_IsTrue(cJSON_GetObjectItem(variant, "single"));
    }
    cJSON_Delete(reply);
    return count;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_worker(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 3 && !strcmp(entry->d_name + length - 3, ".py") && entry->d_name[0] != '_';
}

int discover(const bench_options *o, runner *out, int capacity)
{
    static const char *const devices[] = {"cpu", "ref", "cuda"};
    int count = 0;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "posenet-%s", devices[i]);
        /* ref is for checking, not for speed: timed only when named */
        if (!strcmp(devices[i], "ref") && !o->only) continue;
        if (wanted(o, name, devices[i])) count = add(out, count, name, devices[i], "", 1);
    }
    struct dirent **entries;
    int found = scandir(o->peers, &entries, is_worker, by_name);
    if (found < 0) {
        fprintf(stderr, "posenet-bench: %s: %s\n", o->peers, strerror(errno));
        return -1;
    }
    runner listers[MAX_PEERS] = {0}; /* all start at once: Python's own start is what takes time */
    int asked = 0;
    for (int i = 0; i < found; i++) {
        char *path = listers[asked].program;
        int length = snprintf(path, PATH_BYTES, "%s/%s", o->peers, entries[i]->d_name);
        free(entries[i]);
        if (length >= PATH_BYTES || asked == MAX_PEERS - 1) continue;
        worker_list(&listers[asked++], o);
    }
    free(entries);
    for (int i = 0; i < asked; i++) count = list_variants(o, &listers[i], out, count, capacity);
    return count;
}
