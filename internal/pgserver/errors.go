package pgserver

import (
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"syscall"
)

// Code names what went wrong; stable.
type Code string

// Codes of Error.
const (
	BinariesMissing  Code = "postgres_missing"      // there is no postgres or initdb
	BinariesBroken   Code = "postgres_broken"       // there is one but it does not start
	VersionTooOld    Code = "postgres_too_old"      // below 17.0
	DataVersion      Code = "data_version"          // the data folder is of another major version
	DataDamaged      Code = "data_damaged"          // the server refuses its own files
	PasswordMissing  Code = "password_missing"      // cluster there, superuser.password not
	PortTaken        Code = "port_taken"            // another program listens on the port
	DiskFull         Code = "disk_full"             // no space left
	PermissionDenied Code = "permission_denied"     // a file or folder cannot be used
	Unreachable      Code = "data_unreachable"      // the server's account cannot get to the data folder
	InUse            Code = "data_in_use"           // another process runs this data folder
	OutOfMemory      Code = "out_of_memory"         // no memory for the shared buffers
	StartTimeout     Code = "start_timeout"         // no answer in time
	StartFailed      Code = "postgres_start_failed" // anything else
	KeepsDying       Code = "postgres_keeps_dying"  // restarted too often
	RoleSetup        Code = "postgres_setup_failed" // role or database could not be made
	NoAccount        Code = "postgres_account"      // the unprivileged account could not be made
)

// Error is what Start and Server.Err return: what happened, what to do about it, and the end of the server's log.
type Error struct {
	Code Code
	What string // one sentence without full stop
	Do   string // what to type or change
	Log  string // last lines of the server, may be empty
	Err  error  // cause, may be nil
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("PostgreSQL: " + e.What)
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	if e.Do != "" {
		b.WriteString(". " + e.Do)
	}
	if e.Log != "" {
		b.WriteString("\n" + e.Log)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of an error of this package, or "".
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// symptom ties a line that PostgreSQL, the loader or the kernel prints to a code. The first match counts.
type symptom struct {
	text *regexp.Regexp
	code Code
	what string
	do   string
}

var symptoms = []symptom{
	{regexp.MustCompile(`(?i)no space left on device|disk full`), DiskFull,
		"the disk is full", "Free some space (a fresh database takes about 60 MB) or name a data folder on another disk, and start again"},
	{regexp.MustCompile(`(?i)could not bind .*address|address already in use|could not create any TCP/IP sockets`), PortTaken,
		"the port is taken", "Stop the program that listens there, or leave the port out so that a free one is taken"},
	{regexp.MustCompile(`(?i)error while loading shared libraries|symbol lookup error|library not loaded|version .GLIBC`), BinariesBroken,
		"the binaries do not start on this machine", "They need glibc 2.25 or later and libstdc++ (Debian: apt-get install libstdc++6). EPO_PG_BIN names the bin folder of another PostgreSQL 17"},
	{regexp.MustCompile(`(?i)database files are incompatible with server|initialized by PostgreSQL version`), DataVersion,
		"the data folder is of another major version", "Use the PostgreSQL it was made with (EPO_PG_BIN), or upgrade it with pg_upgrade"},
	{regexp.MustCompile(`(?i)lock file .* already exists|pre-existing shared memory block`), InUse,
		"the data folder is in use by another PostgreSQL", "Stop the process that is named below, and start again"},
	{regexp.MustCompile(`(?i)could not (create shared memory segment|map anonymous shared memory)|cannot allocate memory|out of memory`), OutOfMemory,
		"there is not enough memory", "Free some, or lower shared_buffers in the settings"},
	{regexp.MustCompile(`(?i)could not locate a valid checkpoint|invalid (primary )?checkpoint|control file .*(corrupt|incorrect)|PANIC:`), DataDamaged,
		"the data folder is damaged", "Restore it from a backup. If nothing in it matters, remove it and start again"},
	{regexp.MustCompile(`(?i)permission denied|operation not permitted|has (wrong ownership|invalid permissions)|read-only file system`), PermissionDenied,
		"a file or folder cannot be used", "Give it to the account that PostgreSQL runs under, or name another data folder"},
}

// failure makes an Error out of what a start that went wrong left behind.
func failure(what string, log string, cause error) *Error {
	e := &Error{Code: StartFailed, What: what, Log: log, Err: cause, Do: "The lines below are the end of its log"}
	for _, s := range symptoms {
		if s.text.MatchString(log) || (cause != nil && s.text.MatchString(cause.Error())) {
			e.Code, e.What, e.Do = s.code, s.what, s.do
			return e
		}
	}
	return e
}

// fileError is failure for our own file operations.
func fileError(what string, err error) *Error {
	e := failure(what, "", err)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		e.Code = PermissionDenied
	}
	if e.Code == StartFailed {
		e.Do = ""
	}
	return e
}
