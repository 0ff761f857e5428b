/* What a choice depends on, and a choice as text and back. */
#include "engine/tune/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/plan/signature.h"
#include "engine/version.h"

enum {
    MOST_STEPS = 1 << 20,
    LINE_BYTES = 64, /* of a work, but for its row's name */
    END_BYTES = 32
};

/* ---- key ------------------------------------------------------------------------------------- */

/* Each with the revision of its ways. */
static char *row_names(const cover_request *cover, pool *p)
{
    char *names = pool_text(p, "", 0);
    for (const row *const *r = cover->rows; names && *r; r++)
        if ((*r)->device == cover->device || (*r)->device == DEVICE_REF)
            names = pool_format(p, "%s %s:%d", names, (*r)->name, (*r)->revision);
    return names;
}

static status make_key(tune_cache *c)
{
    const plan_request *q = c->request;
    const network *net = c->cover->net;
    char identity[512] = "";
    TRY(q->device->calls->identify(q->device, identity, sizeof identity));
    for (char *at = identity; *at; at++)
        if (*at == '\n') *at = ' ';
    char *names = row_names(c->cover, c->pool);
    if (!names) return STATUS_MEMORY;
    c->key = pool_format(c->pool,
                         "posenet " VERSION_TEXT ": a choice of the tuner, format 2\n"
                         "device %s\nprecision %s\ninput %dx%d, batch %d\nthreads %d\nrows%s\n"
                         "network of %d steps, %016llx\n",
                         identity, precision_name(q->precision), q->width, q->height, q->batch,
                         q->threads, names, net->step_count,
                         (unsigned long long)signature_of(net, 0, net->step_count));
    return c->key ? STATUS_OK : STATUS_MEMORY;
}

static uint64_t hash_of(const char *text, size_t length)
{
    return signature_add(SIGNATURE_START, text, length);
}

status tune_cache_open(tune_cache *c, const char *folder, const plan_request *request,
                       const cover_request *cover)
{
    *c = (tune_cache){.request = request, .cover = cover};
    if (!folder || !*folder) return STATUS_OK;
    TRY(pool_new(&c->pool));
    TRY(make_key(c));
    char name[32];
    snprintf(name, sizeof name, "%016llx.tuned",
             (unsigned long long)hash_of(c->key, strlen(c->key)));
    tune_file_path(folder, name, c->path);
    return STATUS_OK;
}

void tune_cache_close(tune_cache *c)
{
    pool_free(&c->pool);
}

/* ---- load ------------------------------------------------------------------------------------ */

static int read_number(const char **at, int most, int *out)
{
    char *end;
    if (**at < '0' || **at > '9') return 0;
    errno = 0;
    long value = strtol(*at, &end, 10);
    if (errno || value > most || *end != ' ') return 0;
    *at = end + 1;
    *out = (int)value;
    return 1;
}

static const row *find_row(const cover_request *cover, const char *name, size_t length)
{
    for (const row *const *r = cover->rows; *r; r++)
        if (strlen((*r)->name) == length && memcmp((*r)->name, name, length) == 0) return *r;
    return NULL;
}

static int ways_of(const tune_cache *c, const work *w)
{
    const prepare_context context = plan_prepare_context(c->request);
    return work_ways(&context, c->cover->net, w);
}

/* One line; 0 where it does not say what the network needs next. */
static int read_work(const tune_cache *c, const char **at, const int *last_readers, int next,
                     work *w)
{
    int first, count, variant, ways;
    if (!read_number(at, MOST_STEPS, &first) || !read_number(at, MOST_STEPS, &count) ||
        !read_number(at, MOST_STEPS, &variant) || !read_number(at, MOST_STEPS, &ways))
        return 0;
    size_t length = strcspn(*at, "\n");
    const row *found = find_row(c->cover, *at, length);
    if (!found || (*at)[length] != '\n' || first != next || count < 1 ||
        cover_span(c->cover, last_readers, found, first) != count)
        return 0;
    *w = (work){.row = found, .first = first, .count = count, .variant = variant};
    *at += length + 1;
    return variant < ways && ways == ways_of(c, w);
}

/* The last line of the file is right for what stands before it. */
static int is_end(const char *text, const char *at)
{
    char end[END_BYTES];
    snprintf(end, sizeof end, "end %016llx\n",
             (unsigned long long)hash_of(text, (size_t)(at - text)));
    return strcmp(at, end) == 0;
}

/* How many works the text lists; 0 where something is wrong. */
static int read_works(const tune_cache *c, const char *text, const int *last_readers, work *works)
{
    const char *at = text + strlen(c->key);
    int steps = c->cover->net->step_count, next = 0, count = 0;
    while (next < steps) {
        if (!read_work(c, &at, last_readers, next, &works[count])) return 0;
        next += works[count++].count;
    }
    return is_end(text, at) ? count : 0;
}

status tune_cache_load(const tune_cache *c, pool *p, work **works, int *count)
{
    char *text;
    *count = 0;
    if (!*c->path) return STATUS_OK;
    TRY(tune_file_read(c->path, c->pool, &text));
    if (!text || strncmp(text, c->key, strlen(c->key)) != 0) return STATUS_OK;
    int *last_readers = cover_last_readers(c->cover->net, c->pool);
    *works = pool_array(p, (size_t)c->cover->net->step_count, sizeof **works);
    if (!last_readers || !*works) return STATUS_MEMORY;
    *count = read_works(c, text, last_readers, *works);
    return STATUS_OK;
}

/* ---- save ------------------------------------------------------------------------------------ */

status tune_cache_save(const tune_cache *c, const work *works, int count)
{
    if (!*c->path) return fail(STATUS_FILE, "there is no folder for what the tuner chose");
    size_t room = strlen(c->key) + END_BYTES;
    for (int i = 0; i < count; i++) room += strlen(works[i].row->name) + LINE_BYTES;
    char *text = pool_array(c->pool, room, 1);
    if (!text) return STATUS_MEMORY;
    size_t length = (size_t)snprintf(text, room, "%s", c->key);
    for (int i = 0; i < count; i++) {
        const work *w = &works[i];
        length += (size_t)snprintf(text + length, room - length, "%d %d %d %d %s\n", w->first,
                                   w->count, w->variant, ways_of(c, w), w->row->name);
    }
    snprintf(text + length, room - length, "end %016llx\n",
             (unsigned long long)hash_of(text, length));
    return tune_file_write(c->path, text);
}
