/* Downloading through libcurl. */
#include "tools/download.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "kernels/pool.h"
#include "tools/command.h"

enum {
    ATTEMPTS = 4,
    CONNECT_SECONDS = 20,
    STALL_SECONDS = 30,
    REDIRECTS = 5,
    PATH_BYTES = 4096,
    MOST_MEGABYTES = 1024 /* of one file: ten times the largest there is */
};

typedef struct transfer {
    const char *url, *label;
    char part[PATH_BYTES];
    FILE *file;
    curl_off_t offset;  /* bytes of earlier attempts */
    char condition[64]; /* the header that makes a server go on only with the same file */
    char reason[CURL_ERROR_SIZE];
    long http_code;
    int disk_error; /* errno of a write that failed */
} transfer;

static size_t take_bytes(char *bytes, size_t size, size_t count, void *user)
{
    transfer *t = user;
    size_t taken = fwrite(bytes, size, count, t->file);
    if (taken != count) t->disk_error = errno;
    return taken * size;
}

static int show_progress(void *user, curl_off_t total, curl_off_t now, curl_off_t up_total,
                         curl_off_t up_now)
{
    (void)up_total;
    (void)up_now;
    const transfer *t = user;
    double done = (double)(now + t->offset) / 1e6, all = (double)(total + t->offset) / 1e6;
    if (total > 0) progress("%s: %.1f of %.1f MB", t->label, done, all);
    return 0;
}

static void set_options(CURL *curl, transfer *t)
{
    curl_easy_setopt(curl, CURLOPT_URL, t->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)MOST_MEGABYTES * 1000000);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "posenet");
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->reason);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, t->offset);
    curl_easy_setopt(curl, CURLOPT_FILETIME, 1L);
}

/* What is there of earlier attempts. Its time is that of the file on the server, which must not
 * have changed since: a server that has another one sends all of it. */
static void find_part(transfer *t)
{
    struct stat about;
    struct tm utc;
    t->offset = stat(t->part, &about) == 0 ? (curl_off_t)about.st_size : 0;
    t->condition[0] = '\0';
    if (t->offset > 0 && gmtime_r(&about.st_mtime, &utc))
        strftime(t->condition, sizeof t->condition, "If-Range: %a, %d %b %Y %H:%M:%S GMT", &utc);
}

/* Gives the part the time that the server said. */
static void keep_time(CURL *curl, const transfer *t)
{
    curl_off_t seconds = -1;
    if (curl_easy_getinfo(curl, CURLINFO_FILETIME_T, &seconds) != CURLE_OK || seconds < 0) return;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)seconds}};
    (void)utimensat(AT_FDCWD, t->part, times, 0); /* without it the next attempt starts anew */
}

/* One attempt, appending to what is there. */
static status attempt(CURL *curl, transfer *t, CURLcode *code)
{
    find_part(t);
    t->file = fopen(t->part, "ab");
    if (!t->file) return fail(STATUS_FILE, "%s: cannot be written: %s", t->part, strerror(errno));
    t->reason[0] = '\0';
    t->disk_error = 0;
    set_options(curl, t);
    struct curl_slist *headers = *t->condition ? curl_slist_append(NULL, t->condition) : NULL;
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    *code = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &t->http_code);
    int closed = fclose(t->file) == 0;
    keep_time(curl, t);
    if (t->disk_error || !closed)
        return fail(STATUS_FILE, "%s: cannot be written: %s", t->part,
                    strerror(t->disk_error ? t->disk_error : errno));
    return STATUS_OK;
}

/* The server cannot go on in the middle, or holds no more than is there already. */
static int must_restart(const transfer *t, CURLcode code)
{
    return t->offset > 0 && (code == CURLE_RANGE_ERROR || code == CURLE_BAD_DOWNLOAD_RESUME ||
                             (code == CURLE_HTTP_RETURNED_ERROR && t->http_code == 416));
}

static int is_lost_connection(CURLcode code)
{
    return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
           code == CURLE_GOT_NOTHING || code == CURLE_OPERATION_TIMEDOUT;
}

static status explain(const transfer *t, CURLcode code)
{
    const char *reason = t->reason[0] ? t->reason : curl_easy_strerror(code);
    switch (code) {
    case CURLE_HTTP_RETURNED_ERROR:
        return fail(STATUS_FILE, "%s: the server answers %ld", t->url, t->http_code);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return fail(STATUS_FILE,
                    "%s: cannot be reached (%s); with no network, --mirror takes a folder with a "
                    "copy",
                    t->url, reason);
    case CURLE_FILE_COULDNT_READ_FILE: return fail(STATUS_FILE, "%s: is not there", t->url);
    case CURLE_UNSUPPORTED_PROTOCOL:
        return fail(STATUS_ARGUMENT, "%s: is neither http nor https", t->url);
    default:
        if (!is_lost_connection(code)) return fail(STATUS_FILE, "%s: %s", t->url, reason);
        return fail(STATUS_FILE,
                    "%s: the connection was lost (%s); the same command goes on from there", t->url,
                    reason);
    }
}

static status transfer_all(CURL *curl, transfer *t)
{
    CURLcode code = CURLE_OK;
    for (int i = 0; i < ATTEMPTS; i++) {
        TRY(attempt(curl, t, &code));
        if (code == CURLE_OK) return STATUS_OK;
        if (must_restart(t, code))
            unlink(t->part);
        else if (!is_lost_connection(code))
            break;
    }
    return explain(t, code);
}

status download(const char *url, const char *path, const char *label)
{
    transfer t = {.url = url, .label = label};
    if (snprintf(t.part, sizeof t.part, "%s.part", path) >= (int)sizeof t.part)
        return fail(STATUS_ARGUMENT, "%s: the path is too long", path);
    CURL *curl = curl_easy_init();
    if (!curl) return fail(STATUS_MEMORY, "out of memory");
    status s = transfer_all(curl, &t);
    curl_easy_cleanup(curl);
    progress_clear();
    if (s == STATUS_OK && rename(t.part, path) != 0)
        s = fail(STATUS_FILE, "%s: cannot be written: %s", path, strerror(errno));
    /* An empty part is of no use to anyone. */
    struct stat about;
    if (s != STATUS_OK && stat(t.part, &about) == 0 && about.st_size == 0) unlink(t.part);
    return s;
}

status download_file_url(const char *path, char **out)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-._~";
    char *url = heap_array(3 * strlen(path) + sizeof "file://", 1);
    if (!url) return STATUS_MEMORY;
    char *end = url + sprintf(url, "file://");
    for (; *path; path++) {
        if (strchr(plain, *path))
            *end++ = *path;
        else
            end += sprintf(end, "%%%02X", (unsigned char)*path);
    }
    *out = url;
    return STATUS_OK;
}
