// Package pgserver runs a PostgreSQL 17 of our own for `epo up` and for tests.
//
// It owns one folder per server (Config.DataDir), in which it keeps the cluster (pgdata), its configuration, its log,
// two generated passwords (0600), the last port and, if need be, a copy of the binaries:
//
//	lock                 held while a process of ours runs this server
//	pgdata/              the cluster; pgdata.new while initdb works
//	postgresql.conf      written at each start; ALTER SYSTEM wins over it
//	pg_hba.conf          loopback, SCRAM, nothing else
//	superuser.password   of role epo_superuser: initdb, crash care, tests
//	admin.password       of role epo_install: may create roles, owns database epo, no superuser
//	port                 of the last start, tried first at the next one
//	postgres.log         what the server says
//	postgres-<version>/  binaries, where the originals cannot be reached by the server's account
//
// Started as root the server runs under an unprivileged account, else as the user that we are. It listens on 127.0.0.1
// only. A server that dies is started again on the same port; one that outlived a killed parent is stopped before a
// new one starts. If this process dies in whatever way, the server shuts down cleanly by itself (Linux).
//
// The package refuses to know about schemas: it hands out URLs. It is a leaf but for internal/account. A Server is safe
// for concurrent use.
package pgserver
