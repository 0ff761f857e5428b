/* The public interface where a process is more than one thread, and structs whose size was not set.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/api_check.h"

/* ---- fork ------------------------------------------------------------------------------------ */

enum { CHILD_SECONDS = 60 };

/* NULL if a handle of its own opens and computes, else the picture. */
static void *open_and_compute(void *picture)
{
    posenet_settings s = tiny_settings();
    s.threads = 2;
    posenet *engine = NULL;
    posenet_pose poses[MAX_POSES];
    int count;
    posenet_status code = try_open(&engine, &(tiny_spec){0}, &s);
    if (code == POSENET_OK)
        code = posenet_estimate(engine, &((test_picture *)picture)->image, 1, NULL, poses, &count);
    posenet_close(&engine);
    return code == POSENET_OK ? NULL : picture;
}

/* What a child does with the parent's handle and with new ones; its exit status. */
static int child(posenet *engine, test_picture *p)
{
    posenet_pose poses[MAX_POSES];
    int count;
    alarm(CHILD_SECONDS);
    if (posenet_estimate(engine, &p->image, 1, NULL, poses, &count) != POSENET_ERROR_STATE)
        return 1;
    if (!strstr(posenet_last_error(), "forked")) return 2;
    if (!open_and_compute(p)) return 3;
    posenet_close(&engine);
    pthread_t thread;
    void *wrong = p;
    if (pthread_create(&thread, NULL, open_and_compute, p) || pthread_join(thread, &wrong))
        return 4;
    return wrong ? 5 : 0;
}

Test(process, a_forked_child_is_refused_and_does_not_hang, .timeout = 120)
{
    posenet_settings s = tiny_settings();
    s.threads = 2;
    posenet *engine = open_tiny(&s);
    test_picture p;
    posenet_pose poses[MAX_POSES];
    int count, status = -1;
    paint(&p, 3);
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
    pid_t pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) _exit(child(engine, &p));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %#x", status);
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
    posenet_close(&engine);
}

/* ---- sizes that were not set ----------------------------------------------------------------- */

Test(process, garbage_sizes_are_refused)
{
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    test_picture p;
    posenet_pose poses[MAX_POSES];
    int count;
    paint(&p, 3);
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
    posenet_ledger ledger;
    memset(&ledger, 0xff, sizeof ledger);
    cr_expect_eq(posenet_get_ledger(engine, &ledger), POSENET_ERROR_ARGUMENT);
    posenet_step_info info;
    memset(&info, 0x7f, sizeof info);
    cr_expect_eq(posenet_get_step(engine, 0, &info), POSENET_ERROR_ARGUMENT);
    cr_expect_str_eq(posenet_last_error() + strlen(posenet_last_error()) - 6, "struct");
    struct {
        posenet_ledger known;
        char more[64];
    } newer;
    memset(&newer, 0xff, sizeof newer);
    newer.known.size = sizeof newer;
    cr_expect_eq(posenet_get_ledger(engine, &newer.known), POSENET_OK);
    for (size_t i = 0; i < sizeof newer.more; i++) cr_expect_eq(newer.more[i], 0);
    posenet_close(&engine);
    s.model = "";
    cr_expect_eq(posenet_open(&engine, &s), POSENET_ERROR_ARGUMENT);
    cr_expect_str_eq(posenet_last_error(), "settings.model is empty");
}
