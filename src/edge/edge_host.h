/*
 * Which Host and Origin this gateway answers to (exact lists: DNS rebinding and foreign pages end here), and what a
 * configured proxy's headers may do: refuse plain HTTP, and give the key of a rate limit. Nothing here grants anything.
 */
#ifndef EDGE_EDGE_HOST_H
#define EDGE_EDGE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "http/http.h"
#include "proto/child.h"
#include "url/addr.h"

/* Configured ones and those of our own listeners, which must not take their places. */
#define EDGE_LIST_MAX (EDGE_HOSTS_MAX + 64)

struct edge_list {
	struct span item[EDGE_LIST_MAX];
	size_t n;
};

struct edge_hosts {
	struct edge_list hosts;        /* "127.0.0.1:18789", lower-case */
	struct edge_list public_hosts; /* reached through the TLS proxy */
	struct edge_list origins;      /* configured ones besides the same origin */
	struct addr proxies[EDGE_HOSTS_MAX];
	size_t proxies_n;
	struct span domain;      /* gateway.publicDomain */
	struct span health_host; /* the platform's prober: for /healthz only; empty: none */
	bool behind_tls;
	/* a listener is bound to every address: a literal of the connection's own address is good too */
	bool is_any;
};

struct edge_source {
	struct addr peer; /* who connected */
	struct addr
		/* the same, or whom a trusted proxy names: key of rate limits, nothing else */
		client;
};

/* From the slice; ports are those of the listeners. The spans live as long as the process. */
void edge_hosts_load(struct edge_hosts *h, struct child *child, const int *listeners, size_t n);

/* 0 or ERR_DENIED (answer 421). *secure: the client reached us through the TLS proxy. fd: the connection. */
int edge_host_check(
	const struct edge_hosts *h, const struct http_request *req, int fd, bool *secure);

/* The same for a client of tls, who came to this address and port. 0 or ERR_DENIED. */
int edge_host_check_tls(const struct edge_hosts *h, const struct http_request *req,
	const struct addr *local, uint16_t port);

/*
 * May an answer say that this host speaks HTTPS alone from now on? Not of localhost, which every program of the machine shares, nor of an
 * address, which no client keeps it of (RFC 6797, 8.1.1).
 */
bool edge_host_lasts(bool secure, struct span host);

/* Is the request refused because a proxy says that it came over plain HTTP? */
bool edge_host_is_plain(
	const struct edge_hosts *h, const struct http_request *req, const struct addr *peer);

enum edge_origin { EDGE_ORIGIN_FOREIGN, EDGE_ORIGIN_ABSENT, EDGE_ORIGIN_OWN };
/* The same origin as Host (which must have been checked), or a configured one; "null" and everything else is foreign. */
enum edge_origin edge_origin_check(
	const struct edge_hosts *h, const struct http_request *req, bool secure);

/* The peer's address, with an IPv4 address in IPv6 clothes undressed. family 0 for a socket that has none. */
struct addr edge_source_peer(int fd);
/* The nearest address of X-Forwarded-For that is no trusted proxy, when the peer is one; else the peer. */
struct addr edge_source_client(
	const struct edge_hosts *h, const struct http_request *req, const struct addr *peer);

#endif
