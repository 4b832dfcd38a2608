/* authorities.h: which certificate authorities are believed where nobody, or somebody, names a file of them.
 *
 * A file that the caller names, or else SSL_CERT_FILE, is the only one tried: it was meant. Without both, the places where
 * distributions keep their bundle are tried in turn.
 *
 * Threads: any; the environment is read by heddle_authorities_start() and must not change meanwhile.
 */
#ifndef HEDDLE_NET_AUTHORITIES_H
#define HEDDLE_NET_AUTHORITIES_H

#include <stdbool.h>

#include <heddle/error.h>

/* Where the bundles are: Debian and Ubuntu; Fedora and RHEL; openSUSE; Alpine. Ends with NULL. */
extern const char *const heddle_authorities_bundles[];

/* A search under way. Its texts are borrowed. */
struct heddle_authorities {
    const char *file;           /* PEM, to be tried now */
    const char *named_by;       /* who meant this file; NULL = nobody: a bundle of the system */
    const char *const *bundles; /* those to come */
};

/* Begins a search. `ca_file` may be NULL or ""; `bundles` ends with NULL. */
struct heddle_authorities heddle_authorities_start(const char *ca_file, const char *const *bundles);

/* Sets file and named_by to the next candidate: a file that somebody named, readable or not, or a bundle that can be read.
 * False at the end. */
bool heddle_authorities_next(struct heddle_authorities *search);

/* Nothing was found: answers HEDDLE_INVALID with the places tried and the remedies. */
int heddle_authorities_missing(const char *const *bundles, struct heddle_error *error);

#endif
