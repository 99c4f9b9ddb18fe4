package serverctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/token"
)

// What `epo up` makes in the first tenant, so that there is something to run a script on.
const (
	localPool   = "default"
	localTarget = "local"
	localName   = "local-agent"
)

// staticToken is a token source for the few calls of `epo up` itself.
type staticToken string

func (s staticToken) Token(context.Context, string) (string, error) { return string(s), nil }

// localAgent is the agent that `epo up` supervises.
type localAgent struct{ program string }

// prepareAgent enrolls the local agent the first time, over the same HTTP interface that every agent uses.
func (u *upRun) prepareAgent(ctx context.Context) (string, error) {
	program, err := agentProgram()
	if err != nil {
		return "", err
	}
	u.agent.program = program
	if _, err := os.Stat(filepath.Join(u.data.agentDir(), "identity.json")); err == nil {
		return localName + " (enrolled before)", nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	client, err := u.adminClient()
	if err != nil {
		return "", err
	}
	defer client.CloseIdle()
	poolID, err := ensurePool(ctx, client)
	if err != nil {
		return "", err
	}
	invitation, err := client.CreateEnrollmentToken(ctx, poolID, 0)
	if err != nil {
		return "", fmt.Errorf("make an enrollment token: %w", err)
	}
	cmd := exec.CommandContext(ctx, program, "enroll", "--server", u.url(), "--name", localName, "--state", u.data.agentDir(), "--token-stdin")
	cmd.Stdin = strings.NewReader(invitation.Token)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("enroll: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return fmt.Sprintf("%s enrolled in pool %s, target %s", localName, localPool, localTarget), nil
}

// agentProgram finds epo-agent beside this program, else on PATH.
func agentProgram() (string, error) {
	name := "epo-agent"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	self, err := os.Executable()
	if err == nil {
		if beside := filepath.Join(filepath.Dir(self), name); isExecutable(beside) {
			return beside, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s is neither beside this program nor on PATH; build it with `make build`, or use --no-agent", name)
}

func isExecutable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// adminClient speaks as the first administrator for the ten minutes of one token.
func (u *upRun) adminClient() (*api.Client, error) {
	signed, _, err := u.keys.Issue(token.Subject{
		TenantID: u.first.TenantID, UserID: u.first.UserID, SessionID: uuid.NewString(), AppRoles: []string{token.AppRoleAdmin},
	}, time.Now())
	if err != nil {
		return nil, err
	}
	return api.New(api.Config{Server: u.url(), Tokens: staticToken(signed), HTTP: &http.Client{Timeout: 30 * time.Second}})
}

// ensurePool makes pool and target of the local agent if they are missing.
func ensurePool(ctx context.Context, client *api.Client) (poolID string, err error) {
	type row struct {
		ID string `json:"id"`
	}
	pools, err := api.List[row](ctx, client, "pools", api.Where("name", localPool).Select("id"))
	if err != nil {
		return "", fmt.Errorf("look for pool %s: %w", localPool, err)
	}
	if len(pools) == 1 {
		poolID = pools[0].ID
	} else if pool, err := client.CreatePool(ctx, localPool, "agents that have no pool of their own"); err != nil {
		return "", fmt.Errorf("make pool %s: %w", localPool, err)
	} else {
		poolID = pool.ID
	}
	targets, err := api.List[row](ctx, client, "targets", api.Where("name", localTarget).Select("id"))
	if err != nil {
		return "", fmt.Errorf("look for target %s: %w", localTarget, err)
	}
	if len(targets) == 0 {
		if _, err := client.CreateTarget(ctx, api.NewTarget{Name: localTarget, Kind: "local", PoolID: poolID}); err != nil {
			return "", fmt.Errorf("make target %s: %w", localTarget, err)
		}
	}
	return poolID, nil
}

// runAgent keeps the local agent running until ctx ends.
func (u *upRun) runAgent(ctx context.Context) error {
	log, err := os.OpenFile(u.data.logFile("agent"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer log.Close()
	return keepRunning(ctx, childConfig{
		Name: "epo-agent", Path: u.agent.program, Args: []string{"run", "--state", u.data.agentDir(), "--server", u.url()},
		Output: log, Logger: u.logger, Backoff: time.Second, MaxBackoff: 30 * time.Second, Grace: 15 * time.Second,
	})
}
