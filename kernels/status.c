/* The last sentence of each thread. */
#include "kernels/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 1024 };

static _Thread_local char text[TEXT_BYTES];

status fail(status code, const char *format, ...)
{
    /* An argument may be fail_text() itself, so the sentence is built beside the old one. */
    char next[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(next, sizeof next, format, args);
    va_end(args);
    memcpy(text, next, sizeof text);
    return code;
}

status fail_in(status code, const char *prefix)
{
    return fail(code, "%s: %s", prefix, text);
}

const char *fail_text(void)
{
    return text;
}

void fail_clear(void)
{
    text[0] = '\0';
}

const char *status_name(status code)
{
    switch (code) {
    case STATUS_OK: return "ok";
    case STATUS_ARGUMENT: return "bad argument";
    case STATUS_MEMORY: return "out of memory";
    case STATUS_FILE: return "file error";
    case STATUS_MODEL: return "bad model";
    case STATUS_UNSUPPORTED: return "not supported";
    case STATUS_DEVICE: return "device error";
    case STATUS_STATE: return "call out of order";
    }
    return "unknown status";
}
