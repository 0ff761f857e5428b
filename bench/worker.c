/* The child processes: starting, one JSON line each way, stopping. */
#include "bench/bench.h"
#include "bench/device.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_LINE_BYTES = 64 << 20,
    ASK_TIMEOUT_S = 600,
    LIST_TIMEOUT_S = 60,
    QUIT_TIMEOUT_MS = 2000
};

static int why(runner *r, const char *what)
{
    snprintf(r->why, sizeof r->why, "%s: %s", what, strerror(errno));
    return -1;
}

/* Starts argv with pipes for its input and output; stderr stays ours, so that a worker can be
 * debugged. */
static int spawn(runner *r, char *const argv[])
{
    int in[2], out[2];
    if (pipe(in)) return why(r, "pipe");
    if (pipe(out)) {
        close(in[0]);
        close(in[1]);
        return why(r, "pipe");
    }
    r->pid = fork();
    if (r->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        for (int fd = 3; fd < 256; fd++) close(fd);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    r->to_child = in[1];
    r->from_child = out[0];
    if (r->pid > 0) return 0;
    r->pid = 0;
    close(in[1]);
    close(out[0]);
    return why(r, "fork");
}

void worker_environment(int threads)
{
    /* Threads of OpenMP and BLAS are the case's for everyone, and nobody is pinned: ONNX Runtime
     * would not look at these, others would. */
    static const char *const counts[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
                                         "MKL_NUM_THREADS"};
    static const char *const pins[] = {"OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY",
                                       "KMP_AFFINITY", "OMP_WAIT_POLICY"};
    char text[16];
    snprintf(text, sizeof text, "%d", threads);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) setenv(counts[i], text, 1);
    for (size_t i = 0; i < sizeof pins / sizeof *pins; i++) unsetenv(pins[i]);
}

int worker_start(runner *r, const bench_options *o)
{
    if (r->ours) {
        char *argv[] = {(char *)o->self, "--worker", r->device, NULL};
        return spawn(r, argv);
    }
    char *argv[] = {(char *)o->python, r->program, r->name, NULL};
    return spawn(r, argv);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Reads until a newline; the line without it, to be freed, or NULL. */
static char *read_line(runner *r, int timeout_s)
{
    double end = now_s() + timeout_s;
    for (;;) {
        char *newline = r->line ? memchr(r->line, '\n', r->line_bytes) : NULL;
        if (newline) {
            size_t length = (size_t)(newline - r->line);
            char *line = strndup(r->line, length);
            r->line_bytes -= length + 1;
            memmove(r->line, newline + 1, r->line_bytes);
            return line;
        }
        if (r->line_capacity - r->line_bytes < 65536) {
            size_t capacity = r->line_capacity ? r->line_capacity * 2 : 131072;
            char *grown = capacity > MAX_LINE_BYTES ? NULL : realloc(r->line, capacity);
            if (!grown) return snprintf(r->why, sizeof r->why, "a reply is too long"), NULL;
            r->line = grown;
            r->line_capacity = capacity;
        }
        struct pollfd p = {.fd = r->from_child, .events = POLLIN};
        double left = end - now_s();
        int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return snprintf(r->why, sizeof r->why, "no reply in %d s", timeout_s), NULL;
        ssize_t got =
            read(r->from_child, r->line + r->line_bytes, r->line_capacity - r->line_bytes);
        if (got <= 0)
            return snprintf(r->why, sizeof r->why, "the worker ended without a reply"), NULL;
        r->line_bytes += (size_t)got;
    }
}

static int send_line(runner *r, cJSON *command)
{
    char *text = cJSON_PrintUnformatted(command);
    cJSON_Delete(command);
    if (!text) return snprintf(r->why, sizeof r->why, "out of memory"), -1;
    size_t length = strlen(text);
    text[length++] = '\n'; /* in place of the terminator: only written, never read as a string */
    size_t sent = 0;
    while (sent < length) {
        ssize_t n = write(r->to_child, text + sent, length - sent);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        sent += (size_t)n;
    }
    cJSON_free(text);
    if (sent == length) return 0;
    return snprintf(r->why, sizeof r->why, "the worker does not read its commands"), -1;
}

static cJSON *read_reply(runner *r, int timeout_s)
{
    char *line = read_line(r, timeout_s);
    if (!line) return NULL;
    cJSON *reply = cJSON_Parse(line);
    if (!reply) snprintf(r->why, sizeof r->why, "the worker wrote no JSON: %.200s", line);
    free(line);
    return reply;
}

cJSON *worker_call(runner *r, cJSON *command, int timeout_s)
{
    int gpu = !strcmp(r->device, "cuda");
    double before = gpu ? device_used_mib() : 0;
    cJSON *reply = send_line(r, command) ? NULL : read_reply(r, timeout_s);
    if (gpu) r->device_mib += device_used_mib() - before;
    if (r->device_mib > r->device_peak_mib) r->device_peak_mib = r->device_mib;
    return reply;
}

cJSON *worker_command(const char *name)
{
    cJSON *command = cJSON_CreateObject();
    cJSON_AddStringToObject(command, "command", name);
    return command;
}

static cJSON *if_ok(runner *r, cJSON *reply)
{
    if (cJSON_IsTrue(cJSON_GetObjectItem(reply, "ok"))) return reply;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(reply, "why"));
    if (text) snprintf(r->why, sizeof r->why, "%s", text);
    int missing = cJSON_IsTrue(cJSON_GetObjectItem(reply, "missing"));
    r->state = missing ? RUNNER_MISSING : RUNNER_FAILED;
    cJSON_Delete(reply);
    return NULL;
}

cJSON *worker_ask(runner *r, cJSON *command)
{
    return if_ok(r, worker_call(r, command, ASK_TIMEOUT_S));
}

void worker_load_all(runner *runners, int count, const bench_options *o)
{
    for (int i = 0; i < count; i++)
        if (worker_start(&runners[i], o) || send_line(&runners[i], worker_command("load")))
            runners[i].state = RUNNER_FAILED;
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        if (r->state != RUNNER_READY) continue;
        cJSON *reply = if_ok(r, read_reply(r, ASK_TIMEOUT_S));
        const cJSON *took = cJSON_GetObjectItem(reply, "load_ms");
        if (cJSON_IsNumber(took)) r->load_ms = took->valuedouble;
        cJSON_Delete(reply);
    }
}

double worker_cpu_s(const runner *r)
{
    char path[64], text[1024];
    unsigned long user = 0, system = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)r->pid);
    FILE *f = r->pid ? fopen(path, "r") : NULL;
    if (!f) return 0;
    size_t length = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[length] = '\0';
    const char *rest = strrchr(text, ')'); /* the program's name may hold blanks */
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                        &system) != 2)
        return 0;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* End of input means quit. */
static void let_go(runner *r)
{
    if (r->pid && r->to_child >= 0) close(r->to_child);
    r->to_child = -1;
}

void worker_stop_all(runner *runners, int count)
{
    for (int i = 0; i < count; i++) let_go(&runners[i]);
    for (int i = 0; i < count; i++) worker_stop(&runners[i]);
}

void worker_stop(runner *r)
{
    if (!r->pid) return;
    let_go(r);
    for (int waited = 0; waited < QUIT_TIMEOUT_MS; waited += 10) {
        if (waitpid(r->pid, NULL, WNOHANG) == r->pid) {
            r->pid = 0;
            break;
        }
        struct timespec t = {.tv_nsec = 10 * 1000 * 1000};
        nanosleep(&t, NULL);
    }
    if (r->pid) {
        kill(r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
        r->pid = 0;
    }
    close(r->from_child);
    free(r->line);
    r->line = NULL;
    r->line_bytes = r->line_capacity = 0;
}

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

/* Asks one peers file for its variants: it prints {"variants": [{"name":…, "device":…}]} and exits.
 */
static int list_variants(const bench_options *o, const char *path, runner *out, int count,
                         int capacity)
{
    runner lister = {0};
    char *argv[] = {(char *)o->python, (char *)path, "--list", NULL};
    if (spawn(&lister, argv)) return count;
    char *line = read_line(&lister, LIST_TIMEOUT_S);
    cJSON *reply = line ? cJSON_Parse(line) : NULL;
    if (!reply) fprintf(stderr, "posenet-bench: %s lists no variants: %s\n", path, lister.why);
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
    free(line);
    worker_stop(&lister);
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

int worker_discover(const bench_options *o, runner *out, int capacity)
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
    for (int i = 0; i < found; i++) {
        char path[PATH_BYTES];
        int length = snprintf(path, sizeof path, "%s/%s", o->peers, entries[i]->d_name);
        if (length < (int)sizeof path) count = list_variants(o, path, out, count, capacity);
        free(entries[i]);
    }
    free(entries);
    return count;
}
