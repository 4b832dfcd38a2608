/* heddle/error.h: how every fallible function of heddle reports.
 *
 * A function answers a code (0 is success) and, where the caller passed a struct, leaves the reason in it.
 * Reporting never allocates. The struct may be NULL everywhere. The code says what happened, `action` says what
 * the caller can do about it, and each layer adds only the context that it alone knows.
 *
 * A message is one sentence or two: what failed, where, and what to do about it. It never holds a secret.
 */
#ifndef HEDDLE_ERROR_H
#define HEDDLE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

#define HEDDLE_API __attribute__((visibility("default")))
#define HEDDLE_MUST_CHECK __attribute__((warn_unused_result))

/* What happened. Codes are part of the ABI: they are only ever added. */
enum heddle_status {
    HEDDLE_OK = 0,
    HEDDLE_INVALID = -1, /* an argument, option or text from outside is wrong */
    HEDDLE_OUT_OF_MEMORY = -2,
    HEDDLE_CLOSED = -3,       /* the queue or stream was closed by its owner */
    HEDDLE_END = -4,          /* no more items: not a failure */
    HEDDLE_JOB = -5,          /* the job file is wrong */
    HEDDLE_SOURCE = -6,       /* a table or file cannot be read */
    HEDDLE_MODEL = -7,        /* a model cannot be loaded or a text not embedded */
    HEDDLE_NETWORK = -8,      /* no connection, or it was lost */
    HEDDLE_PROTOCOL = -9,     /* the peer broke the protocol, or is something else than a database */
    HEDDLE_DATABASE = -10,    /* the database answered with a failure: see `code` */
    HEDDLE_REJECTED = -11,    /* more rejected rows than the limit allows */
    HEDDLE_UNBALANCED = -12,  /* a receipt or a verification does not balance */
    HEDDLE_INTERRUPTED = -13, /* stopped on request, resumable */
    HEDDLE_IO = -14,          /* a local file cannot be written or read: see the message */
    HEDDLE_INTERNAL = -15,    /* a mistake of ours */
};

/* What the caller can do about it. */
enum heddle_error_action {
    HEDDLE_ACTION_FATAL = 0, /* stop: repeating it cannot help */
    HEDDLE_ACTION_RETRY,     /* nothing was changed: the same request may go again */
    HEDDLE_ACTION_SPLIT,     /* too large: send it in two halves */
    HEDDLE_ACTION_REJECT,    /* one row is at fault: find it and set it aside */
    HEDDLE_ACTION_ASK,       /* outcome unknown: look it up before doing anything */
};

/* Owned by the caller, filled by the callee; {0} is a fresh one. */
struct heddle_error {
    int status; /* enum heddle_status */
    enum heddle_error_action action;
    char code[64];     /* the server's own code, unchanged, or "" */
    char message[512]; /* UTF-8, no trailing newline, always terminated */
};

#ifdef __cplusplus
}
#endif
#endif
