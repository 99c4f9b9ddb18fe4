package account

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// add runs useradd, unless another process was faster.
func add(name string) (created bool, err error) {
	unlock, err := lock()
	if err != nil {
		return false, err
	}
	defer unlock()
	if _, err := Lookup(name); err == nil {
		return false, nil
	}
	err = run("useradd", "--system", "--user-group", "--no-create-home",
		"--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name)
	return err == nil, err
}

// exitNoUser is what userdel(8) says of a user that is gone.
const exitNoUser = 6

func remove(name string) error {
	unlock, err := lock()
	if err != nil {
		return err
	}
	defer unlock()
	err = run("userdel", name)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == exitNoUser {
		return nil
	}
	return err
}

// lock keeps other processes of EPO from changing accounts. useradd's own lock does not do: two at the same moment
// enter one name twice.
func lock() (unlock func(), err error) {
	etc, err := os.Open("/etc")
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(etc.Fd()), unix.LOCK_EX); err != nil {
		etc.Close()
		return nil, fmt.Errorf("lock the account database: %w", err)
	}
	return func() { etc.Close() }, nil
}

func run(program string, args ...string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program // often missing from an ordinary PATH
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, bytes.TrimSpace(out))
	}
	return nil
}
