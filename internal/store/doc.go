// Package store is the one way from Go to the database.
//
// It owns: migrations (Migrate, Status), one connection pool per database login (Open), the transaction of a request
// with its role and claims in one round trip (Store.Do), the translation of database errors into codes and HTTP statuses
// (Error), LISTEN on a connection of its own (Store.Listen), the passwords of the logins (Secrets), and the check that
// the catalogue still obeys the security rules (Store.CheckCatalogue).
//
// It refuses to contain business logic or SQL of a single feature: that lives in db. Server, gateway and facade import it;
// it imports db only. Everything is safe for concurrent use, and Migrate also between processes.
package store
