/* greeting.c: version handshake and self-description. */
#include "bolt/greeting.h"

#include <stdio.h>

#include <sys/utsname.h>

#include <heddle/version.h>

void heddle_bolt_agent_fill(struct heddle_bolt_agent *agent, struct heddle_message_hello *hello)
{
    struct utsname machine;
    agent->platform[0] = '\0';
    snprintf(agent->product, sizeof agent->product, "heddle/%s", heddle_version());
    if (uname(&machine) == 0) {
        snprintf(agent->platform, sizeof agent->platform, "%s %s; %s", machine.sysname, machine.release,
                 machine.machine);
    }
    hello->product = agent->product;
    hello->platform = agent->platform[0] != '\0' ? agent->platform : NULL;
    hello->language = "C/17";
    if (hello->user_agent == NULL) {
        hello->user_agent = agent->product;
    }
}

int heddle_bolt_shake_hands(struct heddle_bolt_stream *stream, const char *address,
                            struct heddle_handshake *handshake_out, struct heddle_error *error)
{
    uint8_t offer[HEDDLE_HANDSHAKE_OFFER_SIZE];
    *handshake_out = (struct heddle_handshake){0};
    heddle_handshake_offer(offer);
    HEDDLE_TRY(heddle_bolt_stream_send(stream, offer, sizeof offer, error));
    const int status = heddle_bolt_stream_handshake(stream, handshake_out, error);
    if (status == HEDDLE_NETWORK) {
        return heddle_error_prefix(error, "%s gave no Bolt answer; is this its Bolt port (usually 7687)?",
                                   address);
    }
    return status == HEDDLE_OK ? HEDDLE_OK : heddle_error_prefix(error, "%s", address);
}
