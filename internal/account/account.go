// Package account looks after the unprivileged system accounts that EPO runs children under when it is started as root:
// epo-db for its own PostgreSQL, epo-run for scripts.
//
// It owns three things: finding an account, making or removing one (root on Linux only), and telling whether an account
// can reach a path. It never changes an account that it did not make: names that can be made or removed start with
// "epo-". It is a leaf; any package may import it. All functions are safe for concurrent use, also by several processes.
package account

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"regexp"
	"strconv"
)

// Errors that callers ask for with errors.Is.
var (
	// ErrNotFound says that no account of that name exists on this machine.
	ErrNotFound = errors.New("no such account")
	// ErrNotRoot says that making or removing an account needs root.
	ErrNotRoot = errors.New("only root can make or remove an account")
	// ErrUnsupported says that accounts are not made on this platform.
	ErrUnsupported = errors.New("accounts are not made on this platform")
	// ErrName says that a name is not one that this package makes or removes.
	ErrName = errors.New(`account names start with "epo-" and hold lower-case letters, digits and hyphens`)
)

// Account is one account of the machine.
type Account struct {
	Name string
	UID  int
	GID  int
	Home string // as the account database says; it need not exist
}

// Lookup returns the account of that name, or an error that is ErrNotFound.
func Lookup(name string) (Account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if _, ok := errors.AsType[user.UnknownUserError](err); ok {
			return Account{}, fmt.Errorf("look up account %s: %w", name, ErrNotFound)
		}
		return Account{}, fmt.Errorf("look up account %s: %w", name, err)
	}
	return parse(u)
}

// Ensure returns the account of that name and makes it first if it is missing, in which case created is true. It needs
// root only to make one. The account has no password, no shell and no home folder.
func Ensure(name string) (a Account, created bool, err error) {
	a, err = Lookup(name)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return a, false, err
	}
	if err := mayChange(name); err != nil {
		return Account{}, false, fmt.Errorf("make account %s: %w", name, err)
	}
	if created, err = add(name); err != nil {
		return Account{}, false, fmt.Errorf("make account %s: %w", name, err)
	}
	a, err = Lookup(name)
	return a, created, err
}

// Remove removes an account that Ensure made. A missing account is no error. It fails while processes of it run.
func Remove(name string) error {
	if _, err := Lookup(name); errors.Is(err, ErrNotFound) {
		return nil
	}
	if err := mayChange(name); err != nil {
		return fmt.Errorf("remove account %s: %w", name, err)
	}
	if err := remove(name); err != nil {
		return fmt.Errorf("remove account %s: %w", name, err)
	}
	return nil
}

var ownName = regexp.MustCompile(`^epo-[a-z0-9][a-z0-9-]{0,26}$`)

func mayChange(name string) error {
	if !ownName.MatchString(name) {
		return ErrName
	}
	if os.Geteuid() > 0 {
		return ErrNotRoot
	}
	return nil
}

func parse(u *user.User) (Account, error) {
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return Account{}, fmt.Errorf("account %s: %w", u.Username, ErrUnsupported)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return Account{}, fmt.Errorf("account %s: %w", u.Username, ErrUnsupported)
	}
	return Account{Name: u.Username, UID: uid, GID: gid, Home: u.HomeDir}, nil
}
