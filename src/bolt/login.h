/* login.h: a login with memory of its own. For this room only.
 *
 * Ownership: heddle_login_destroy() wipes and frees. Threads: read-only after creation.
 */
#ifndef HEDDLE_BOLT_LOGIN_H
#define HEDDLE_BOLT_LOGIN_H

#include <heddle/bolt.h>

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "bolt/messages.h"

struct heddle_login {
    struct heddle_auth auth;            /* its texts are copies */
    struct heddle_value_map parameters; /* of auth, decoded from its own packed copy */
    struct heddle_arena *arena;
};

/* Copies everything that `auth` points at. Errors: HEDDLE_OUT_OF_MEMORY; HEDDLE_INVALID (parameters of a type that cannot
 * be sent). */
HEDDLE_MUST_CHECK int heddle_login_create(const struct heddle_auth *auth, struct heddle_login **login_out,
                                          struct heddle_error *error);
void heddle_login_destroy(struct heddle_login *login); /* NULL is a no-op */

/* The login as HELLO and LOGON have it; borrowed. */
struct heddle_message_auth heddle_login_message(const struct heddle_auth *auth);

/* True where both say the same to the server. */
bool heddle_login_equal(const struct heddle_auth *a, const struct heddle_auth *b);

#endif
