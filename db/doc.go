// Package db holds all SQL of EPO, embedded: migrations of tables, which run
// once and in order; functions and views, which are current state and are built
// anew when their digest changes; and the rules of the catalogue, each a query
// that returns a row for each violation.
//
// The package imports nothing of EPO and opens no connection. Store applies it;
// the tests of this package prove what the SQL promises.
package db
