// Package testkit gives each test a database of its own on a real PostgreSQL 17.
//
// A test process starts one server, when the first test asks for a database (Main stops it), from a ready folder with a
// migrated template database, and clones that for each test. A test that fails leaves its database behind, with its name printed and the
// server's folder kept; the next run of the same package removes it. Databases are independent, so tests run in parallel;
// roles and their passwords belong to the server and are the same for all of a process.
//
// Only _test.go files import it. It refuses to fake the database, and to sleep.
package testkit
