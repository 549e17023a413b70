/*
 * Every limit of the program, named, with its unit, grouped by who enforces it. Each has a test that reaches it.
 * A number elsewhere in the code that bounds something from outside belongs here.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB(n) ((n)*1024u)
#define MIB(n) ((n)*1024u * 1024u)

/* Rows are added one by one, their comments stand where they stand. */
/* clang-format off */

/* base */
#define LOG_LINE_MAX KIB(4u)   /* bytes of one log line */
#define LOG_VALUE_MAX KIB(1u)  /* bytes of one value in a log line */
#define SECRET_LEN_MAX KIB(64u) /* bytes of one secret (a TLS key is the longest) */

/* crypto */
#define CRYPTO_PEM_MAX 256u      /* bytes of a public key as text, PEM or not */
#define DEVICE_PAYLOAD_MAX KIB(8u) /* bytes of what a device signs */

/* text, url */
#define URL_MAX KIB(4u)            /* bytes of a URL, as given and in canonical form */
#define IDENT_ID_MAX 192           /* bytes of a native id of a channel */
#define IDENT_ACCOUNT_MAX 64       /* bytes of an account's or agent's id */
#define EDIT_DISTANCE_MAX 64       /* bytes of the names that suggestions compare */
#define TABLE_COLUMNS_MAX 16       /* columns of a table on the terminal */
#define TABLE_CELLS_MAX 65536      /* cells of a table */

/* ipc: messages between processes */
#define IPC_MSG_MAX KIB(16u)      /* bytes of one datagram */
#define IPC_FDS_MAX 4             /* descriptors in one message */
#define IPC_QUEUE_MAX MIB(1u)     /* bytes of memory for what waits before the edge's rule applies */
#define IPC_BODY_MAX MIB(32u)     /* bytes of one memfd body */
#define IPC_CREDIT_BYTES KIB(256u) /* a stream's window: bytes in flight without a credit */
#define ARGS_DEPTH_MAX 16         /* steps of one leaf's path */
#define ARGS_LEAVES_MAX 4096      /* leaves of one argument list */

/* json */
#define JSON_TEXT_MAX MIB(32u)    /* bytes of one document */
#define JSON_DEPTH_MAX 64         /* nested arrays and objects */
#define JSON_NODES_MAX 65536      /* values in one document */
#define CONFIG_FILE_MAX MIB(1u)   /* bytes of one configuration file */
#define RELOAD_DRAIN_MS 10000        /* a process that must start anew may finish what it does */
#define CONFIG_HISTORY_MAX 50        /* former texts of the configuration that are kept */
#define CONFIG_INCLUDE_DEPTH_MAX 10  /* files in files (original: the same) */
#define CONFIG_INCLUDE_FILES_MAX 64  /* files that a configuration includes */
#define CONFIG_INCLUDE_NAME_MAX 255u /* bytes of a path beneath the configuration's folder */

/* cli */
#define ENV_VARS_MAX 1024         /* variables that gateway run hands on */
#define ENV_FILE_MAX KIB(256u)    /* bytes of <state>/.env */
#define CLI_MESSAGE_MAX MIB(25u)  /* bytes of one message of the gateway to the command line */

/* http, ws, edge */
#define HTTP_HEAD_MAX KIB(16u)     /* bytes of request line and headers */
#define HTTP_HEADERS_MAX 64        /* header fields of one request */
#define HTTP_TARGET_MAX KIB(4u)    /* bytes of a request target */
#define HTTP_HOST_MAX 261          /* bytes of a Host field: a name of 255 and :65535 */
#define HTTP_TRAILER_MAX KIB(4u)   /* bytes of the trailers behind a chunked body */
#define HTTP_BODY_MAX MIB(2u)      /* bytes of a body after authentication, unless the route says less */
#define HTTP_ANON_BODY_MAX KIB(4u) /* bytes of a body before authentication */
#define WS_FRAME_MAX KIB(512u)     /* bytes of one message of an authenticated client (protocol 3: maxPayload) */
#define WS_ANON_FRAME_MAX KIB(16u) /* bytes of one message before authentication (connect) */
#define WS_FRAGMENTS_MAX 1024      /* frames of one message */
#define WS_BUFFERED_MAX 1572864u   /* bytes waiting for a slow client (protocol 3: maxBufferedBytes) */
#define EDGE_CONNS_MAX 16384       /* open connections of one edge process */
#define EDGE_ANON_CONNS_MAX 12288  /* connections before authentication */
#define EDGE_HANDSHAKE_MS 10000    /* connect must be done (protocol 3) */
#define EDGE_HEAD_MS 10000         /* a request's head must be complete */
#define EDGE_IDLE_MS 60000         /* keep-alive connection without a request */
#define EDGE_TICK_MS 30000         /* tick event (protocol 3: tickIntervalMs) */
#define EDGE_USERS_MAX 32          /* edge processes of signed-in principals */
#define EDGE_USER_REAP_MS 300000   /* one without connections ends after this */
#define EDGE_ANON_HELD_MAX MIB(6u) /* bytes held for all connections before authentication */
#define EDGE_WINDOW_MAX KIB(8u)    /* bytes read ahead of a request whose head is not complete */
#define EDGE_LINGER_MS 2000        /* a refused client may read its answer that long */
#define EDGE_SSE_SILENCE_MS 15000  /* a stream that long without an event gets a comment */
#define EDGE_CALLS_MAX 64          /* calls of one connection under way */
#define EDGE_TURN_FRAMES 8         /* frames or requests of one connection before the others have their turn */
#define EDGE_CAST_CONNS 16         /* clients told of events before what arrives has its turn */
#define EDGE_CAST_HELD_MAX KIB(64u) /* bytes of events that not everybody has been told */
#define EDGE_HOSTS_MAX 32          /* configured hosts, origins, trusted proxies: of each */
#define EDGE_UI_MAX MIB(8u)        /* bytes of all files of the Control UI */
#define EDGE_UI_FILES_MAX 256      /* files of the Control UI */
#define LOG_STRANGERS_MAX MIB(256u) /* bytes of the log from which on edge and tls add nothing to it */
#define LOG_TAIL_LINES_MAX 5000   /* lines of one logs.tail (protocol 3) */
#define LOG_TAIL_BYTES_MAX 1000000 /* bytes of the log it reads (protocol 3) */
#define EDGE_CHAT_MESSAGES_MAX 1024 /* messages of one chat completion request */

/* tls */
#define TLS_CONNS_MAX 4096         /* open connections */
#define TLS_ANON_CONNS_MAX 1024    /* of them before authentication; the one silent for longest makes room */
#define TLS_HANDSHAKES_MAX 256     /* of them before the end of the handshake; the oldest makes room */
#define TLS_HANDSHAKE_MS 10000     /* the handshake must be done */
#define TLS_CERTS_MAX 8            /* certificates that clients get */
#define TLS_CERT_MAX KIB(8u)       /* bytes of one */
#define TLS_FILE_MAX KIB(64u)      /* bytes of a file with certificates or a key */
#define TLS_PATH_MAX 1023          /* bytes of the path of one */
#define TLS_SIGNATURE_MAX 1024     /* bytes of a signature */

/* authentication */
#define AUTH_TRIES_BURST 10        /* verifications a source may ask at once */
#define AUTH_TRIES_PER_MIN 10      /* refill of that bucket */
#define AUTH_GLOBAL_PER_MIN 600    /* verifications of all strangers together */
#define AUTH_SOURCES_MAX 4096      /* sources remembered (/64 for IPv6) */
#define AUTH_LOCKOUT_MAX_MS 900000 /* longest back-off of a source */
#define AUTH_SKEW_MS 600000        /* signedAt against our clock (protocol 3) */
#define CLAIM_TTL_MS 600000        /* a one-time browser link */
#define TICKET_TTL_MS 10000        /* from vault's yes to the hand-over */
#define COOKIE_TTL_MS 2592000000ull /* browser session: 30 days */
#define DEVICES_MAX 256            /* paired devices */
#define PAIRING_PENDING_MAX 16     /* devices waiting for approval */
#define PAIRING_TTL_MS 300000      /* a pending request (protocol 3) */
#define AUTH_CLASS_PER_MIN 300     /* verifications of one kind of credential, all strangers together */
#define VAULT_BOX_MAX MIB(1u)      /* bytes of everything vault keeps */
#define VAULT_SECRETS_MAX 64       /* named secrets of the configuration */
#define VAULT_TICKETS_MAX 256      /* tickets not yet redeemed */
#define VAULT_CODES_MAX 16         /* one-time links not yet claimed */
#define VAULT_COOKIES_MAX 256      /* browser sessions; the oldest gives way */

/* gate */
#define GATE_RUNS_MAX 1024         /* live runs with labels */
#define GATE_TURN_IDS_MAX 64       /* OWNER_TYPED ids of one turn */
#define GATE_TURNS_MAX 4096        /* turns registered and not yet run */
#define GATE_TURN_TTL_MS 86400000  /* a turn that no run came for is forgotten */
#define GATE_SESSIONS_MAX 2048     /* labels of sessions in memory */
#define GATE_SEEN_MAX 16777216      /* sessions whose label gate can remember the version of */
#define GATE_EXECUTORS_MAX 256     /* incarnations of executors with a key */
#define GATE_ACKS_MAX 1024         /* labels of results that wait for the store */
#define WITNESS_WAITING_MAX 1024   /* lines that wait for audit, a process */
#define PEER_WAIT_MS 3000          /* a request waits this long for a process that starts */
#define WITNESS_KEEP_MS 3000       /* what waits for its line to be in the audit log is refused then */
#define WARRANT_TTL_MS 30000       /* from gate's yes to the executor's check */
#define WARRANT_WINDOW 1024        /* counters an executor remembers against replay */

/* runs */
#define RUN_TOOL_CALLS_MAX 50       /* tool calls of one run */
#define RUN_MODEL_CALLS_MAX 50      /* model requests of one run */
#define RUN_WALL_MS 600000          /* one run (original: agents.defaults.timeoutSeconds) */
#define RUNS_CONCURRENT_MAX 4       /* agent processes at once (original: agents.defaults.maxConcurrent) */
#define RUN_QUEUE_MAX 1000          /* accepted messages waiting for their lane, all sessions */
#define MODEL_SEAL_MAX KIB(256u)    /* bytes of what a provider wants back unread with one thought or call */
#define RUN_TEXT_MAX MIB(1u)        /* bytes of text one run may produce */
#define CHAT_MESSAGE_MAX KIB(256u)  /* bytes of one user message */
#define CHAT_DELTA_MS 150           /* least time between two chat deltas of a run (protocol 3) */
#define SESSION_KEY_MAX 512         /* bytes of a session key */
#define HISTORY_LIMIT_MAX 1000      /* chat.history (protocol 3) */
#define HISTORY_BYTES_MAX MIB(6u)   /* chat.history (protocol 3) */
#define IDEM_KEY_MAX 256            /* bytes of an idempotency key */
#define RUN_HISTORY_ITEMS 400 /* items of its session that a run is given */
#define RUN_HISTORY_BYTES KIB(512u) /* bytes of them */
#define RUN_DEATHS_MAX 3 /* a run whose agent died starts again this often */
#define PRESENCE_MAX 200 /* presence entries (protocol 3) */
#define PRESENCE_TTL_MS 300000 /* one of a client that has left (protocol 3) */
#define DEDUPE_MAX 1000 /* answers kept for repetitions (protocol 3) */
#define DEDUPE_TTL_MS 300000 /* that long (protocol 3) */
#define SYSEVENTS_MAX 20 /* system events that wait for the next message */
#define ATTACHMENT_MAX 5000000u /* bytes of one image of a message (protocol 3) */
#define HEALTH_REFRESH_MS 60000 /* age of the health snapshot (protocol 3) */

/* store */
#define STORE_BATCH_MAX 64         /* statements in one commit (a channel has as many read before others have their turn) */
#define STORE_QUEUE_MAX KIB(128u)  /* bytes waiting in a channel before a list pauses */
#define STORE_READ_MS 1            /* until it goes on */
#define STORE_SEARCH_MAX 20000     /* newest sessions that a search looks at */
#define STORE_SEARCH_TURN 1000     /* of them at once */
#define STORE_WORDS_MAX 16         /* words of a search in the memory that count */
#define STORE_FOUND_MAX 50         /* memories one search returns */
#define STORE_MEMORY_CALLS_MAX 64  /* calls of the memory under way */
#define FLEETING_BYTES_MAX MIB(32u) /* of sessions that are kept in memory only; the oldest go first */
#define STORE_SYNC_MS 50           /* from the end of a run to the disk, where nothing else asks for a sync before */
#define STORE_LOCK_MS 2000         /* waiting for the store before us to let go of the database */
#define STORE_WAL_PAGES 4000       /* pages in the write-ahead log before they are moved into the database */
#define STORE_IDLE_MS 1000         /* without a write before the same is done */

/* audit */
#define AUDIT_LINE_MAX KIB(4u)     /* bytes of one line of the log */
#define AUDIT_BUFFER_MAX MIB(1u)   /* bytes that wait for a disk that takes none; writers wait from half of it on */
#define AUDIT_SIGN_LINES 256       /* lines between two signatures */
#define AUDIT_SIGN_MS 1000         /* from a line to its signature */
#define AUDIT_LOCK_MS 3000 /* wait for a former audit to be gone */
#define AUDIT_SYNC_MS 50           /* from a line to the disk */
#define AUDIT_RETRY_MS 1000        /* between two attempts to write, or to have a key sealed */
#define AUDIT_EPOCH_LINES 65536    /* lines signed with one key */
#define AUDIT_EPOCH_MS 86400000ull /* its life */

/* cells */
#define CELL_WALL_MS 60000         /* one tool call */
#define CELL_CPU_S 60              /* its processor time */
#define CELL_MEM MIB(512u)         /* its memory */
#define CELL_PIDS 64               /* its processes */
#define CELL_OUTPUT_MAX KIB(256u)  /* bytes of output kept */
#define CELL_FILE_MAX MIB(64u)     /* bytes of one file it writes */
#define CELL_FDS 64                /* its open files */
#define PROOF_WAIT_MS 10000        /* a tool call waits this long for the proof at start */
#define PROOFS_MAX 2               /* self-proofs that were asked for and have not ended */
#define PROOF_CELL_MS 20000        /* one cell of the self-proof */
#define PROOF_CALL_MS 2500         /* one call of the self-proof that would not end by itself */
#define AVATAR_MAX KIB(256u)      /* bytes of the assistant's picture; at most FILE_READ_MAX */
#define FILE_READ_MAX KIB(256u)    /* bytes one file_read returns */
#define FILE_LIST_MAX 2000         /* entries one file_list returns */
#define FILE_SEARCH_MAX 500        /* matches one file_search returns */
#define FILE_LABELS_MAX 4096       /* entries of one workspace with a label of their own */
#define FILE_SCAN_MAX 100000       /* entries looked at for their labels */
#define FILE_SCAN_MS 30000         /* and how long that may take */

/* dial, egress */
#define DIAL_RESOLVE_MS 5000       /* one name */
#define DIAL_ANSWERS_MAX 32        /* addresses of one name */
#define DIAL_CONNECT_MS 10000      /* one address */
#define DIAL_STAGGER_MS 300        /* before the next address is tried beside */
#define DIAL_CALLS_MAX 64          /* connections being made at once */
#define DIAL_RESOLVERS_MAX 16      /* names being resolved at once */
#define DIAL_ROWS_MAX 64           /* destination rows */
#define EGRESS_BODY_MAX MIB(16u)   /* bytes of a response */
#define EGRESS_IDLE_MS 120000      /* silence in a response */
#define SSE_LINE_MAX MIB(1u)       /* bytes of one event-stream line */
#define SSE_EVENT_MAX MIB(4u)      /* bytes of one event's data, all its lines */
#define SSE_NAME_MAX KIB(1u)       /* bytes of an event's type, and of its id */

/* supervisor */
#define CHILD_RESTARTS_FREE 5      /* crashes within CHILD_RESTART_WINDOW_MS that cost no wait */
#define CHILD_RESTART_WINDOW_MS 10000
#define CHILD_PULSE_MS 10000       /* a process is asked whether it is there that often */
#define CHILD_PULSES_MISSED 4      /* so many questions without an answer: it is killed */
#define CHILD_BACKOFF_MS 1000      /* wait after one more, of a process that lived no longer than this */
#define CHILD_BACKOFF_SHORT_MS 250 /* of one that did */
#define STOP_GRACE_MS 3000         /* SIGTERM to SIGKILL on an orderly stop */

#endif
