package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/epo-dev/epo/internal/account"
	"github.com/epo-dev/epo/internal/agent"
	"github.com/epo-dev/epo/internal/api"
	"github.com/epo-dev/epo/internal/executor"
	"github.com/epo-dev/epo/internal/runtime"
)

// The verdicts of a check.
const (
	checkOK   = "ok"
	checkWarn = "warn" // works, but somebody should know
	checkFail = "fail" // the agent cannot do its work
)

// check is one line of the doctor's report.
type check struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Detail string `json:"detail"`           // what was found
	Advice string `json:"advice,omitempty"` // what to do
}

// doctor looks at everything that an agent needs.
type doctor struct {
	state, work, server, account string
	identity                     agent.Identity
	enrolled                     bool
	checks                       []check
}

func newDoctor() *cobra.Command {
	var d doctor
	var asJSON bool
	var target targetFlags
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check everything this agent needs, and say what to do",
		Long: `Checks state folder, identity, server, clock, PowerShell, account, work folder and disk. Nothing is changed. The exit code is 1
when a check failed; warnings do not count.

With --target it tests the way to a target instead, step by step: name, port, TLS, host key, authentication, session, and what
the PowerShell there allows. With --json that is {"ok", "checks", "cause", "edition", "version", "elapsed_ms"}.`,
		Example: `  epo-agent doctor
  epo-agent doctor --target ssh://ann@web-1 --host-key SHA256:…
  epo-agent doctor --target 'winrm://ann@db-1?auth=basic' --ca ca.pem --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if target.url != "" {
				return testTarget(cmd, target, asJSON)
			}
			d.examine(cmd.Context())
			if err := d.report(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if d.failed() {
				return exitError(1)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&d.state, "state", defaultState(), "folder for identity, keys and spool")
	f.StringVar(&d.work, "work-dir", "", "folder that scripts run in (default: the state folder's name with -work)")
	f.StringVar(&d.server, "server", "", "address of the server (default: the one it was enrolled at)")
	f.StringVar(&d.account, "account", executor.RunAccount, "as root: account that scripts run as")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	target.add(f, "test the way to this target instead")
	return cmd
}

func (d *doctor) add(name, status, detail, advice string) {
	if status == checkOK {
		advice = ""
	}
	d.checks = append(d.checks, check{Name: name, Status: status, Detail: detail, Advice: advice})
}

func (d *doctor) failed() bool {
	for _, c := range d.checks {
		if c.Status == checkFail {
			return true
		}
	}
	return false
}

func (d *doctor) examine(ctx context.Context) {
	d.work = workDir(d.state, d.work)
	d.checkIdentity()
	d.checkRunning()
	d.checkServer(ctx)
	d.checkEngine(ctx)
	d.checkIsolation()
	d.checkWorkDir()
	d.checkDisk()
}

func (d *doctor) checkIdentity() {
	id, err := agent.LoadIdentity(d.state)
	switch {
	case errors.Is(err, agent.ErrNotEnrolled):
		d.add("identity", checkFail, d.state+" holds no identity", "make a token with `epo agent enroll-token`, then run `epo-agent enroll`")
	case errors.Is(err, os.ErrPermission):
		d.add("identity", checkFail, err.Error(), "run this as the account that the agent runs as")
	case err != nil:
		d.add("identity", checkFail, err.Error(), "enroll again with `epo-agent enroll --replace`")
	default:
		d.identity, d.enrolled = id, true
		d.add("identity", checkOK, fmt.Sprintf("%s in pool %s, keys private", id.Name, id.Pool), "")
	}
	if d.server == "" {
		d.server = id.Server
	}
}

func (d *doctor) checkRunning() {
	if _, err := os.Stat(d.state); err != nil {
		return // the identity check has said it
	}
	running, err := agent.Running(d.state)
	switch {
	case err != nil:
		d.add("state folder", checkFail, err.Error(), "give the agent's account write access to "+d.state)
	case running:
		d.add("state folder", checkOK, d.state+", an agent runs on it", "")
	default:
		d.add("state folder", checkOK, d.state+", no agent runs on it now", "")
	}
}

func (d *doctor) checkServer(ctx context.Context) {
	if d.server == "" {
		d.add("server", checkFail, "no address known", "enroll first, or give --server")
		return
	}
	offset, err := agent.ClockOffset(ctx, d.server)
	if err != nil {
		d.add("server", checkFail, d.server+": "+err.Error(), "is the server running, and do proxy and firewall let this machine out to it?")
		return
	}
	d.add("server", checkOK, d.server+" answers", "")
	detail := fmt.Sprintf("%s away from the server's", offset.Abs())
	switch {
	case offset.Abs() > 30*time.Second:
		d.add("clock", checkFail, detail, "set this machine's clock: tokens are refused beyond 30 s")
	case offset.Abs() > 5*time.Second:
		d.add("clock", checkWarn, detail, "set this machine's clock; beyond 30 s tokens are refused")
	default:
		d.add("clock", checkOK, detail, "")
	}
	if d.enrolled {
		d.checkToken(ctx)
	}
}

func (d *doctor) checkToken(ctx context.Context) {
	if err := agent.Authenticate(ctx, d.identity, d.server); err != nil {
		advice := api.Advice(api.CodeOf(err))
		if advice == "" {
			advice = "look into the server's log, or enroll again with `epo-agent enroll --replace`"
		}
		d.add("sign-in", checkFail, err.Error(), advice)
		return
	}
	d.add("sign-in", checkOK, "the server takes this agent's key", "")
}

func (d *doctor) checkEngine(ctx context.Context) {
	engine, err := runtime.Find(ctx)
	if err != nil {
		d.add("powershell", checkFail, err.Error(), "runs fail with runtime_missing until PowerShell 7.4 or later is here; see https://aka.ms/powershell")
		return
	}
	d.add("powershell", checkOK, engine.String(), "")
}

func (d *doctor) checkIsolation() {
	if os.Geteuid() != 0 {
		d.add("isolation", checkWarn, "none: scripts run as this account and can read the agent's keys", "run the agent as root, which starts scripts as "+executor.RunAccount)
		return
	}
	if d.account == noAccount {
		d.add("isolation", checkWarn, "none: scripts run as root", "leave --account out")
		return
	}
	a, err := account.Lookup(d.account)
	switch {
	case errors.Is(err, account.ErrNotFound):
		d.add("isolation", checkOK, "account "+d.account+" will be made when the agent starts", "")
	case err != nil:
		d.add("isolation", checkFail, err.Error(), "look into the machine's account database")
	default:
		d.add("isolation", checkOK, "scripts run as "+a.Name, "")
		d.checkReach(a)
	}
}

// checkReach makes sure that the account can enter the work folder and not the state folder.
func (d *doctor) checkReach(a account.Account) {
	parent := filepath.Dir(d.work)
	if _, err := os.Stat(d.work); err == nil {
		return // the work folder's own check looks at it
	}
	if err := a.Reach(parent); err != nil {
		d.add("work folder", checkWarn, "scripts may not reach it: "+err.Error(), "choose another folder with --work-dir")
	}
}

func (d *doctor) checkWorkDir() {
	probe, err := os.MkdirTemp(nearest(d.work), ".epo-doctor-")
	if err != nil {
		d.add("work folder", checkFail, err.Error(), "give the agent's account write access, or choose another folder with --work-dir")
		return
	}
	os.Remove(probe)
	d.add("work folder", checkOK, d.work+" can be written", "")
}

// nearest is the folder itself, or the first one above it that exists.
func nearest(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// The disk should have room for what waits for a server that is away.
const (
	diskFail = 64 << 20
	diskWarn = 1 << 30
)

func (d *doctor) checkDisk() {
	free, err := freeBytes(nearest(d.state))
	if err != nil {
		return // a platform that does not say
	}
	detail := fmt.Sprintf("%d MiB free for the spool", free>>20)
	switch {
	case free < diskFail:
		d.add("disk", checkFail, detail, "make room: runs fail with log_spool_full when their log finds none")
	case free < diskWarn:
		d.add("disk", checkWarn, detail, "make room for logs that wait while the server is away")
	default:
		d.add("disk", checkOK, detail, "")
	}
}

func (d *doctor) report(w io.Writer, asJSON bool) error {
	r := report{stateWidth: 5, nameWidth: 13}
	for _, c := range d.checks {
		r.lines = append(r.lines, reportLine{string(c.Status), c.Name, c.Detail, c.Advice})
	}
	return r.print(w, asJSON, d.checks)
}
