package account_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/account"
)

func TestLookupSaysNotFound(t *testing.T) {
	t.Parallel()
	_, err := account.Lookup("epo-surely-missing")
	require.ErrorIs(t, err, account.ErrNotFound)
}

func TestOnlyOwnNamesCanBeMadeOrRemoved(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"epo", "epo-", "epo-UPPER", "epo-a b", "-epo-x", "epo-x\nroot"} {
		_, _, err := account.Ensure(name)
		require.Error(t, err, name)
	}
	require.Error(t, account.Remove("root"))
	root, err := account.Lookup("root")
	require.NoError(t, err)
	require.Zero(t, root.UID)
}

func TestOrdinaryUserIsToldThatRootIsNeeded(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("runs as an ordinary user")
	}
	_, _, err := account.Ensure("epo-surely-missing")
	require.ErrorIs(t, err, account.ErrNotRoot)
}

// Many processes may start at once on a fresh machine; each must end up with the same account, made once.
func TestEnsureMakesAnAccountOnceUnderConcurrency(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("needs root on Linux")
	}
	name := "epo-t" + strings.ToLower(rand.Text()[:10])
	t.Cleanup(func() { require.NoError(t, account.Remove(name)) })

	type outcome struct {
		account account.Account
		created bool
		err     error
	}
	outcomes := make([]outcome, 8)
	var group sync.WaitGroup
	for i := range outcomes {
		group.Go(func() {
			o := &outcomes[i]
			o.account, o.created, o.err = account.Ensure(name)
		})
	}
	group.Wait()

	made := 0
	for _, o := range outcomes {
		require.NoError(t, o.err)
		require.Equal(t, outcomes[0].account, o.account)
		require.NotZero(t, o.account.UID)
		require.NotZero(t, o.account.GID)
		if o.created {
			made++
		}
	}
	require.Equal(t, 1, made)

	shadow, err := exec.Command("getent", "shadow", name).Output()
	require.NoError(t, err)
	require.Contains(t, string(shadow), ":!", "the account must have no password")
	require.NoError(t, account.Remove(name))
	require.NoError(t, account.Remove(name), "removing a missing account is no error")
	_, err = account.Lookup(name)
	require.ErrorIs(t, err, account.ErrNotFound)
}

func TestReachNamesTheFolderThatBlocks(t *testing.T) {
	t.Parallel()
	stranger := account.Account{Name: "stranger", UID: 4_000_000, GID: 4_000_000}
	base, err := os.MkdirTemp("", "reach")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(base)) })
	require.NoError(t, os.Chmod(base, 0o755))
	home := filepath.Join(base, "home")
	deep := filepath.Join(home, "clone", "bin")
	require.NoError(t, os.MkdirAll(deep, 0o755))
	file := filepath.Join(deep, "postgres")
	require.NoError(t, os.WriteFile(file, nil, 0o755))
	require.NoError(t, stranger.Reach(file))

	require.NoError(t, os.Chmod(home, 0o700))
	var unreachable *account.UnreachableError
	require.ErrorAs(t, stranger.Reach(file), &unreachable)
	require.Equal(t, home, unreachable.Blocked)

	link := filepath.Join(base, "link")
	require.NoError(t, os.Symlink(file, link))
	require.ErrorAs(t, stranger.Reach(link), &unreachable, "a link does not lead around a closed folder")

	require.NoError(t, os.Chmod(home, 0o711))
	require.NoError(t, stranger.Reach(file), "a folder that can be entered but not listed is no obstacle")
	require.ErrorAs(t, stranger.Reach(home), &unreachable)

	owner := account.Account{Name: "owner", UID: os.Geteuid(), GID: os.Getegid()}
	require.NoError(t, os.Chmod(home, 0o700))
	require.NoError(t, owner.Reach(file))
	require.ErrorIs(t, owner.Reach(filepath.Join(home, "missing")), os.ErrNotExist)
}
