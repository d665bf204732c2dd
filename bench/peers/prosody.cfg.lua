-- Prosody 0.12 for `npm run bench -- --peers`: what its own documentation says is fast, with its limits lifted. ENV_… are variables of
-- the environment that the benchmark sets.

run_as_root = true; -- a throw-away process of a benchmark, which may run in a container
daemonize = false;
pidfile = ENV_BENCH_DATA .. "/prosody.pid";
data_path = ENV_BENCH_DATA;
log = { warn = "*stdout" }; -- no debug log: it costs more than the messages
interfaces = { "127.0.0.1" };
network_backend = "epoll"; -- the default of 0.12, the fastest on Linux
network_settings = { tcp_backlog = 4096; max_send_buffer_size = 64 * 1024 * 1024; };
gc = { mode = "generational" }; -- Lua 5.4; seen here to take a quarter of the CPU time of the default ("incremental")

c2s_ports = { tonumber(ENV_BENCH_PORT) };
c2s_direct_tls_ports = { tonumber(ENV_BENCH_TLS_PORT) };
s2s_ports = { tonumber(ENV_BENCH_PEER_PORT) }; -- none unless messages between servers are measured
s2s_interfaces = { "127.0.0.1" };
s2s_require_encryption = true;
s2s_secure_auth = false; -- dialback is enough
http_ports = {};
https_ports = {};
c2s_require_encryption = false; -- so that it can be measured over TCP too
certificates = ENV_BENCH_DATA; -- none there: the one of all three follows
ssl = { certificate = ENV_BENCH_CERT; key = ENV_BENCH_KEY; }; -- protocol and groups: its defaults (TLS 1.2 and 1.3, X25519 first)

authentication = "internal_hashed"; -- SCRAM keys, no passwords, as Skylark keeps them
password_hash = ENV_BENCH_HASH;
storage = "internal"; -- files; appending to them, without fsync, is the fastest archive it has

-- What Skylark has as well; no mod_limits, so no rates, and no mod_pep, which costs with every presence.
local modules = {
	"roster"; "saslauth"; "tls"; "disco"; "carbons"; "smacks"; "private"; "vcard_legacy"; "blocklist"; "ping"; "offline"; "posix";
};
if (ENV_BENCH_PEER_PORT or "") == "" then modules_disabled = { "s2s" }; else modules[#modules + 1] = "dialback"; end
if ENV_BENCH_ARCHIVE == "on" then modules[#modules + 1] = "mam"; end
modules_enabled = modules;
default_archive_policy = true; -- everybody's messages
archive_expires_after = "never"; -- no clean-up while it is measured
max_archive_query_results = 250;
storage_archive_item_limit = 100000;
smacks_hibernation_time = 300; -- as Skylark keeps lost sessions

VirtualHost "localhost"

Component "conference.localhost" "muc"
	restrict_room_creation = false
	muc_room_default_history_length = 20
