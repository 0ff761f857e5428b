/* Linked into the Criterion programs of a sanitized build. Criterion runs each test in a child
 * process, which it tells apart by BXFI_MAP; the parent runs nothing of ours, but now and then
 * leaks 48 bytes of Criterion's own. So leaks are looked for in the children alone. A suppression
 * would not do: Criterion is on the stack of every test, too. */
#include <stdlib.h>

__attribute__((visibility("default"))) int
__lsan_is_turned_off(void); /* LeakSanitizer asks it at exit */

int __lsan_is_turned_off(void)
{
    return getenv("BXFI_MAP") == NULL;
}
