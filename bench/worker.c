/* The child processes: starting, one JSON line each way, stopping. */
#include "bench/bench.h"
#include "bench/device.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_LINE_BYTES = 64 << 20,
    LIST_TIMEOUT_S = 60,
    MAX_GPU_PROCESSES = 64,
    QUIT_TIMEOUT_MS = 2000,
    FALL_TIMEOUT_MS = 200 /* between the end of a worker's output and its own */
};

static int why(runner *r, const char *what)
{
    snprintf(r->why, sizeof r->why, "%s: %s", what, strerror(errno));
    return -1;
}

/* Starts argv with pipes for its input and output; stderr stays ours, so that a worker can be
 * debugged. It ends with us, and what it starts itself can be ended with it. */
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
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
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
    if (r->pid > 0) {
        setpgid(r->pid, r->pid); /* whoever of the two comes first */
        return 0;
    }
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
    r->timeout_s = o->timeout_s;
    if (r->ours) {
        char *argv[] = {(char *)o->self, "--worker", r->device, NULL};
        return spawn(r, argv);
    }
    char *argv[] = {(char *)o->python, r->program, r->name, NULL};
    return spawn(r, argv);
}

/* Reads until a newline; the line without it, to be freed, or NULL. */
static char *read_line(runner *r)
{
    double end = measure_now() + r->timeout_s;
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
        double left = end - measure_now();
        int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0)
            return snprintf(r->why, sizeof r->why, "no reply in %d s", r->timeout_s), NULL;
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
    for (size_t sent = 0; sent < length;) {
        ssize_t n = write(r->to_child, text + sent, length - sent);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) break;
        sent += (size_t)n;
    }
    cJSON_free(text);
    /* One that does not read its commands has ended, which its missing answer will show. */
    return 0;
}

static cJSON *read_reply(runner *r)
{
    char *line = read_line(r);
    if (!line) return NULL;
    cJSON *reply = cJSON_Parse(line);
    if (!reply) snprintf(r->why, sizeof r->why, "the worker wrote no JSON: %.200s", line);
    free(line);
    return reply;
}

/* End of input means quit. */
static void let_go(runner *r)
{
    if (r->pid && r->to_child >= 0) close(r->to_child);
    r->to_child = -1;
}

/* Waits for its end up to `patience_ms`, then kills it and what it has started. How it ended by
 * itself, as waitpid tells it. */
static int end(runner *r, int patience_ms)
{
    int status = 0;
    let_go(r);
    for (int waited = 0; r->pid && waited < patience_ms; waited += 10) {
        if (waitpid(r->pid, &status, WNOHANG) == r->pid) r->pid = 0;
        struct timespec t = {.tv_nsec = 10 * 1000 * 1000};
        if (r->pid) nanosleep(&t, NULL);
    }
    if (r->pid) {
        kill(-r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0);
        r->pid = 0;
    }
    close(r->from_child);
    free(r->line);
    r->line = NULL;
    r->line_bytes = r->line_capacity = 0;
    return status;
}

/* A worker that fails to answer may still be at work, on the cores and the GPU of the others. */
static cJSON *answer_of(runner *r)
{
    cJSON *reply = read_reply(r);
    int status = reply ? 0 : end(r, FALL_TIMEOUT_MS), by_signal = WIFSIGNALED(status);
    size_t length = strlen(r->why);
    if (status)
        snprintf(r->why + length, sizeof r->why - length, ": %s %d",
                 by_signal ? "signal" : "exit status",
                 by_signal ? WTERMSIG(status) : WEXITSTATUS(status));
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
    if (reply) snprintf(r->why, sizeof r->why, "%s", text ? text : "it does not say why");
    int missing = cJSON_IsTrue(cJSON_GetObjectItem(reply, "missing"));
    r->state = missing ? RUNNER_MISSING : RUNNER_FAILED;
    cJSON_Delete(reply);
    return NULL;
}

int worker_tell(runner *r, cJSON *command)
{
    if (!send_line(r, command)) return 0;
    r->state = RUNNER_FAILED;
    return -1;
}

cJSON *worker_hear(runner *r)
{
    return if_ok(r, answer_of(r));
}

cJSON *worker_ask(runner *r, cJSON *command)
{
    return worker_tell(r, command) ? NULL : worker_hear(r);
}

void worker_load_all(runner *runners, int count, const bench_options *o)
{
    for (int i = 0; i < count; i++)
        if (worker_start(&runners[i], o) || worker_tell(&runners[i], worker_command("load")))
            runners[i].state = RUNNER_FAILED;
    for (int i = 0; i < count; i++) {
        runner *r = &runners[i];
        if (r->state != RUNNER_READY) continue;
        cJSON *reply = worker_hear(r);
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

void worker_device_memory(runner *runners, int count)
{
    long pids[MAX_GPU_PROCESSES];
    double mib[MAX_GPU_PROCESSES];
    int found = device_processes(pids, mib, MAX_GPU_PROCESSES);
    for (int i = 0; i < count; i++)
        for (int p = 0; p < found; p++)
            if (pids[p] == runners[i].pid && mib[p] > runners[i].device_peak_mib)
                runners[i].device_peak_mib = mib[p];
}

void worker_list(runner *lister, const bench_options *o)
{
    char *argv[] = {(char *)o->python, lister->program, "--list", NULL};
    lister->timeout_s = LIST_TIMEOUT_S;
    spawn(lister, argv);
}

cJSON *worker_variants(runner *lister)
{
    cJSON *reply = lister->pid ? answer_of(lister) : NULL;
    worker_stop(lister);
    return reply;
}

void worker_stop(runner *r)
{
    if (r->pid) end(r, QUIT_TIMEOUT_MS);
}

void worker_stop_all(runner *runners, int count)
{
    for (int i = 0; i < count; i++) let_go(&runners[i]);
    for (int i = 0; i < count; i++) worker_stop(&runners[i]);
}
