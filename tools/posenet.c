/* The command `posenet`: a table of subcommands. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "engine/posenet.h"
#include "tools/command.h"

static const command commands[] = {
    {"run", "find the people in pictures: poses as JSON, a table or drawn onto them", run_command},
    {"inspect", "show a model's graph, its steps and what computes them", inspect_command},
    {"validate", "check a device's results step by step against the plain C reference",
     validate_command},
    {"convert", "write a PoseNet, TF.js or ONNX, as plain ONNX for any runtime", convert_command},
    {"generate", "write a PoseNet with seeded weights, to test and to measure with",
     generate_command},
#ifdef POSENET_HAVE_FETCH
    {"fetch", "list and download Google's published checkpoints", fetch_command},
#endif
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static exit_status print_help(void)
{
    puts("posenet finds people in pictures with Google's PoseNet: 17 keypoints for each.\n\n"
         "  posenet run --annotate out.png --json - photo.jpg\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  posenet %-10s %s\n", commands[i].name, commands[i].summary);
    puts("\n  posenet COMMAND --help   the options of a command\n"
         "  posenet --version        which version this is\n\n"
         "Results go to stdout, everything else to stderr. Exit status: 0 done, 1 a check failed,\n"
         "2 bad usage or input, with one line on stderr that says what and where.");
    return finish_stdout(EXIT_DONE);
}

/* A stream that the caller closed must not become a file that is opened later. Reading and writing
 * still fail: each is opened for the other. */
static void occupy_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY}; /* complaints go nowhere */
    for (int i = 0; i < 3; i++)
        if (fcntl(i, F_GETFD) < 0 && open("/dev/null", modes[i]) != i) return;
}

int main(int argc, char **argv)
{
    occupy_streams();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0) {
        printf("posenet %s\n", posenet_version());
        return finish_stdout(EXIT_DONE);
    }
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 1, argv + 1);
    const char *near = nearest_word(argv[1], commands, COMMANDS, sizeof *commands);
    if (near) return complain("there is no command \"%s\"; did you mean %s?", argv[1], near);
    return complain("there is no command \"%s\"; see posenet --help", argv[1]);
}
