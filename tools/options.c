/* Parsing and printing a subcommand's options. */
#include "tools/options.h"

#include <stdio.h>
#include <string.h>

enum { HELP_COLUMN = 26 };

static const option *find(const usage *use, const char *name, size_t length)
{
    for (int i = 0; i < use->option_count; i++) {
        const option *o = &use->options[i];
        if (strlen(o->name) == length && memcmp(o->name, name, length) == 0) return o;
    }
    return NULL;
}

/* ---- help ----------------------------------------------------------------------------------- */

static void print_option(const char *name, const char *value, const char *help)
{
    int used = printf("  %s%s%s", name, value ? " " : "", value ? value : "");
    if (used >= HELP_COLUMN - 1) used = printf("\n") - 1;
    for (;;) {
        int length = (int)strcspn(help, "\n");
        printf("%*s%.*s\n", HELP_COLUMN - used, "", length, help);
        if (!help[length]) return;
        help += length + 1;
        used = 0;
    }
}

static void print_help(const usage *use)
{
    printf("posenet %s %s\n\n%s\n\n", use->command, use->arguments, use->purpose);
    for (int i = 0; i < use->option_count; i++)
        print_option(use->options[i].name, use->options[i].value, use->options[i].help);
    print_option("--help", NULL, "this text");
    if (use->closing) printf("\n%s\n", use->closing);
}

/* ---- parsing -------------------------------------------------------------------------------- */

static exit_status unknown(const usage *use, const char *given, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, given);
    const char *near = nearest_word(name, use->options, use->option_count, sizeof(option));
    if (near)
        return complain("%s: there is no option %s; did you mean %s?", use->command, name, near);
    return complain("%s: there is no option %s; see posenet %s --help", use->command, name,
                    use->command);
}

/* One option at argv[*at]; moves *at on to its value if that stands apart. */
static exit_status take_one(const usage *use, int argc, char **argv, int *at)
{
    const char *given = argv[*at], *value = strchr(given, '=');
    size_t length = value ? (size_t)(value - given) : strlen(given);
    const option *o = find(use, given, length);
    if (!o) return unknown(use, given, length);
    if (value) value++;
    if (!o->value && value) return complain("%s: %s takes no value", use->command, o->name);
    if (o->value && !value) {
        int missing = *at + 1 == argc || strncmp(argv[*at + 1], "--", 2) == 0;
        if (missing) return complain("%s: %s needs a value, %s", use->command, o->name, o->value);
        value = argv[++*at];
    }
    if (o->take(o, value) == STATUS_OK) return EXIT_DONE;
    return complain("%s: %s", use->command, fail_text());
}

int options_parse(const usage *use, int argc, char **argv, int *count, exit_status *leave)
{
    *count = 0;
    *leave = EXIT_DONE;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) break;
        if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0) continue;
        print_help(use);
        *leave = finish_stdout(EXIT_DONE);
        return 0;
    }
    int all_arguments = 0;
    for (int i = 1; i < argc; i++) {
        if (!all_arguments && strcmp(argv[i], "--") == 0) {
            all_arguments = 1;
        } else if (all_arguments || argv[i][0] != '-' || !argv[i][1]) {
            argv[(*count)++] = argv[i];
        } else {
            *leave = take_one(use, argc, argv, &i);
            if (*leave != EXIT_DONE) return 0;
        }
    }
    return 1;
}
