/* login.c: copies of logins, and comparing them. */
#include "bolt/login.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "bolt/packstream/decode.h"
#include "bolt/packstream/encode.h"

enum { LOGIN_BLOCK_SIZE = 512 };

static int copy_text(struct heddle_arena *arena, const char **text, struct heddle_error *error)
{
    if (*text != NULL) {
        *text = heddle_arena_copy_text(arena, *text, strlen(*text));
        if (*text == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

/* Parameters as they travel, without the chunks' headers: a tree and its bytes are each other's copy. */
static int parameters_pack(const struct heddle_value_map *parameters, struct heddle_buffer *framed,
                           struct heddle_error *error)
{
    struct heddle_pack pack;
    const struct heddle_value map = heddle_map(parameters->entries, parameters->count);
    heddle_pack_init(&pack, framed, (struct heddle_pack_dialect){.utc = true});
    heddle_pack_message_begin(&pack, 0, 1);
    HEDDLE_TRY(heddle_pack_value(&pack, &map, error));
    heddle_pack_message_end(&pack);
    return heddle_buffer_check(framed, error);
}

static int parameters_copy(struct heddle_login *login, struct heddle_error *error)
{
    /* Chunk header, structure header; end marker behind. One chunk is enough for what a login may hold: servers take
     * 8 KiB. */
    enum { BEFORE = 4, BEHIND = 2 };
    struct heddle_buffer framed = {0};
    struct heddle_unpack unpack;
    struct heddle_value map = {0};
    int status = parameters_pack(login->auth.parameters, &framed, error);
    if (status == HEDDLE_OK && framed.length > HEDDLE_PACK_CHUNK_MAX) {
        status = heddle_error_set(error, HEDDLE_INVALID, "the parameters of a login are larger than 64 KiB");
    }
    if (status == HEDDLE_OK) {
        heddle_unpack_init(&unpack, framed.bytes + BEFORE, framed.length - BEFORE - BEHIND);
        status = heddle_unpack_value(&unpack, login->arena, &map, error);
    }
    if (framed.bytes != NULL) {
        explicit_bzero(framed.bytes, framed.length);
    }
    heddle_buffer_free(&framed);
    login->parameters = map.map;
    login->auth.parameters = &login->parameters;
    return status;
}

static int login_fill(struct heddle_login *login, struct heddle_error *error)
{
    struct heddle_auth *auth = &login->auth;
    HEDDLE_TRY(heddle_arena_create(LOGIN_BLOCK_SIZE, &login->arena, error));
    auth->scheme = auth->scheme != NULL ? auth->scheme : "none";
    HEDDLE_TRY(copy_text(login->arena, &auth->scheme, error));
    HEDDLE_TRY(copy_text(login->arena, &auth->principal, error));
    HEDDLE_TRY(copy_text(login->arena, &auth->credentials, error));
    HEDDLE_TRY(copy_text(login->arena, &auth->realm, error));
    return auth->parameters != NULL ? parameters_copy(login, error) : HEDDLE_OK;
}

int heddle_login_create(const struct heddle_auth *auth, struct heddle_login **login_out,
                        struct heddle_error *error)
{
    struct heddle_login *login = heddle_calloc(1, sizeof *login);
    if (login == NULL) {
        return heddle_error_out_of_memory(error);
    }
    login->auth = *auth;
    const int status = login_fill(login, error);
    if (status != HEDDLE_OK) {
        login->auth.credentials = NULL; /* it may still be the caller's */
        heddle_login_destroy(login);
        return status;
    }
    *login_out = login;
    return HEDDLE_OK;
}

void heddle_login_destroy(struct heddle_login *login)
{
    if (login != NULL) {
        if (login->auth.credentials != NULL) {
            explicit_bzero((void *)(uintptr_t)login->auth.credentials, strlen(login->auth.credentials));
        }
        heddle_arena_destroy(login->arena);
        free(login);
    }
}

struct heddle_message_auth heddle_login_message(const struct heddle_auth *auth)
{
    return (struct heddle_message_auth){.scheme = auth->scheme,
                                        .principal = auth->principal,
                                        .credentials = auth->credentials,
                                        .realm = auth->realm,
                                        .parameters = auth->parameters};
}

static bool same_text(const char *a, const char *b)
{
    return (a == NULL && b == NULL) || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_parameters(const struct heddle_value_map *a, const struct heddle_value_map *b)
{
    struct heddle_buffer first = {0};
    struct heddle_buffer second = {0};
    if (a == NULL || b == NULL) {
        return a == b;
    }
    const bool same = parameters_pack(a, &first, NULL) == HEDDLE_OK &&
                      parameters_pack(b, &second, NULL) == HEDDLE_OK && first.length == second.length &&
                      memcmp(first.bytes, second.bytes, first.length) == 0;
    heddle_buffer_free(&first);
    heddle_buffer_free(&second);
    return same;
}

bool heddle_login_equal(const struct heddle_auth *a, const struct heddle_auth *b)
{
    return same_text(a->scheme != NULL ? a->scheme : "none", b->scheme != NULL ? b->scheme : "none") &&
           same_text(a->principal, b->principal) && same_text(a->credentials, b->credentials) &&
           same_text(a->realm, b->realm) && same_parameters(a->parameters, b->parameters);
}
