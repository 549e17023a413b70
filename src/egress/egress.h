/*
 * egress: carries out the requests of one destination row, over descriptors that dial connected, with the one credential
 * that vault binds to this row. Forked from a zygote that has libcurl and the CA store loaded and holds no secret.
 */
#ifndef EGRESS_EGRESS_H
#define EGRESS_EGRESS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "proto/child.h"
#include "proto/witness.h"

#define EGRESS_REQUESTS_MAX 16 /* under way at once on one row */
#define EGRESS_URL_MAX 2048

/* One destination, from the slice; everything but the body and the model is fixed here. */
struct egress_row {
	uint32_t number;
	uint64_t tag; /* of the destination; another one under this number is not ours */
	bool tls;
	bool local; /* an exact local destination the owner wrote down */
	char host[256];
	uint32_t port;
	enum provider api;
	struct span path;         /* before the format's; of the slice */
	struct span organization; /* of the account, or empty; of the slice */
	struct span models; /* names, a line each: those that a body may ask for; of the slice */
	bool has_credential;
	uint64_t max_tokens;
};

enum egress_ask {
	EGRESS_ASK_BEGUN = 1,      /* audit is told that it begins */
	EGRESS_ASK_LABEL = 2,      /* gate is told the label of what will come */
	EGRESS_ASK_CREDENTIAL = 4, /* vault is asked */
};

enum egress_phase {
	EGRESS_FREE,
	EGRESS_ASKING, /* audit, gate and vault, all at once: nothing leaves before all have answered */
	EGRESS_DIALLING, /* dial is asked for a descriptor */
	EGRESS_RUNNING,  /* curl has it */
};

struct egress_request {
	struct egress *egress;
	enum egress_phase phase;
	uint64_t id;
	uint64_t run;
	uint64_t call;
	uint8_t plan[WARRANT_HASH_LEN];
	bool stream;
	struct span body; /* mapped */
	char url[EGRESS_URL_MAX];
	struct secret credential;
	char header[64];
	char prefix[32];
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *resolve;
	int fd;       /* from dial, not yet curl's; -1 */
	bool dialled; /* a fresh descriptor was asked for */
	bool told_status;
	bool paused;
	uint8_t asked;   /* enum egress_ask: what has no answer yet */
	uint32_t awaits; /* a bit for each kind that is to be asked and is not there */
	int64_t credit;  /* bytes core still takes */
	uint64_t received;
	uint64_t retry_ms;
	uint64_t idle_timer;
	struct buf tail; /* the last bytes, for a credential that straddles two chunks */
	int failed;      /* why we ended it ourselves */
};

struct egress {
	struct child *child;
	struct egress_row row;
	struct witness *witness;
	CURLM *multi;
	uint64_t multi_timer;
	uint8_t key[WARRANT_KEY_LEN];
	bool has_key;
	struct warrant_window window;
	struct egress_request requests[EGRESS_REQUESTS_MAX];
	bool leaving; /* ends when nothing is under way */
};

/* egress_row.c: the row of this instance from the slice. ERR_NOTFOUND, ERR_RANGE. */
int egress_row_read(const struct child *child, uint64_t instance, struct egress_row *row);
/* Where a model is asked there. ERR_TOOBIG. */
int egress_row_url(
	const struct egress_row *row, struct span model, bool stream, char url[EGRESS_URL_MAX]);

/* egress_envelope.c: 0 when the body is a request for this model that this row may make; else a code and a text in *why. */
int egress_envelope_check(
	const struct egress_row *row, struct span model, struct span body, const char **why);

/* egress_bodies.c: what each format may hold; root is an object. The same results. */
struct json_node;
typedef int egress_body_fn(const struct json_node *root, const char **why);
extern egress_body_fn *const egress_bodies[PROVIDER_N];

/* egress_tls.c: the CA store, loaded once in the zygote. */
bool egress_tls_load(void); /* false: no memory */
CURLcode egress_tls_use(CURL *easy, void *ssl_ctx, void *arg);

/* egress_request.c: the life of one request. */
void egress_request_start(struct egress *e, const void *core_egress_request);
struct egress_request *egress_request_find(struct egress *e, uint64_t id);
void egress_request_next(struct egress_request *r); /* the next phase that is due */
bool egress_request_is_asked(const struct egress_request *r, enum egress_ask ask);
/* That question has its answer; with the last of them the request runs. */
void egress_request_answered(struct egress_request *r, enum egress_ask ask);
void egress_request_alive(
	struct egress_request *r); /* something was heard: EGRESS_IDLE_MS from now on */
void egress_request_peer_up(
	struct egress *e, uint8_t kind); /* goes on with those that wait for it */
void egress_request_end(struct egress_request *r, int rc, const char *detail);
void egress_leave(struct egress *e); /* ends the process that shall, when it is idle */
void egress_request_abort_all(struct egress *e, int rc, const char *detail);

/* egress_curl.c: libcurl driven by the event loop. */
int egress_curl_init(struct egress *e);
int egress_curl_start(struct egress_request *r); /* 0, or ERR_x */
void egress_curl_stop(struct egress_request *r);
void egress_curl_resume(struct egress_request *r);

extern const struct jail_spec egress_zygote_jail;
extern const struct jail_spec egress_jail;
extern const struct child_link egress_links[];
extern const size_t egress_nlinks;

#endif
