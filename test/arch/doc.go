// Package arch holds the rules of the repository as tests: which package may import which, that every package says what
// it is for, how large a file may grow, and what every direct dependency is for. The rules of the database are tests of
// package db, since they need a database. Nothing imports this package.
package arch
