package stdio

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/internal/tail"
)

const (
	// exitWait is how long the end of the output waits for the exit status.
	exitWait = 800 * time.Millisecond
	// outputWait is how long after the exit output may still be held open, by
	// processes that left the group.
	outputWait = time.Second
	// closeGrace is how long Close waits for the process by default.
	closeGrace = 2 * time.Second
	// remoteErrorPrefix begins what the engine says about input it cannot read.
	remoteErrorPrefix = "Remote transport error:"
)

// Config configures a Process.
type Config struct {
	// Path is the program, Args its arguments before "-s -NoLogo -NoProfile".
	// For PowerShell installed as .NET tool that is dotnet and pwsh.dll: its own
	// start program would leave the engine running when it is killed.
	Path string
	Args []string
	// Options are further arguments, such as -ConfigurationFile.
	Options []string
	Env     []string // as in exec.Cmd: nil means that of this process
	Dir     string

	// SysProcAttr is used with the process group replaced by the Process's own.
	SysProcAttr *syscall.SysProcAttr

	// Stderr, if set, is told each line of standard error, cut at 64 KiB, except
	// what the engine says about packets.
	Stderr func(line string)
	// Noise, if set, is told what came on standard output and is not protocol.
	Noise func(text []byte)
	// Redact hides secrets in what an error shows of standard error, after
	// everything that looks like packet content was hidden.
	Redact func(string) string

	CloseGrace time.Duration // how long Close waits before it kills; 0 means 2 s
	Logger     *slog.Logger  // nil: nothing is logged
}

// A Process is a PowerShell process in server mode. Its process tree is dead
// when Done is closed, except for processes that left its group by setsid.
type Process struct {
	config Config
	conn   *Conn
	cmd    *exec.Cmd
	group  *group
	stdout *os.File
	stderr *os.File

	exited     chan struct{} // closed when the process itself has ended
	stderrDone chan struct{} // closed when standard error was read to its end
	done       chan struct{} // closed when everything has ended

	tail   tail.Lines
	mu     sync.Mutex
	killed bool
	result error
}

// Start starts a process. ctx is for the start only. The process ends when this
// one does, however that happens.
func Start(ctx context.Context, c Config) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, &StartError{Path: c.Path, Err: err}
	}
	if c.CloseGrace <= 0 {
		c.CloseGrace = closeGrace
	}
	p := &Process{
		config: c,
		exited: make(chan struct{}), stderrDone: make(chan struct{}), done: make(chan struct{}),
	}
	stdin, err := p.start()
	if err != nil {
		return nil, &StartError{Path: c.Path, Err: err}
	}
	p.conn = NewConn(ConnConfig{
		In: stdin, Out: p.stdout, Noise: c.Noise, EndError: p.endError, Confidential: true, Logger: c.Logger,
	})
	go p.readStderr()
	go p.wait()
	return p, nil
}

// start makes the pipes, the group and the process.
func (p *Process) start() (stdin *os.File, err error) {
	var files pipes
	defer files.closeChild()
	if err := files.open(); err != nil {
		files.closeParent()
		return nil, err
	}
	if p.group, err = newGroup(); err != nil {
		files.closeParent()
		return nil, err
	}
	c := p.config
	args := append(append([]string{}, c.Args...), "-s", "-NoLogo", "-NoProfile")
	p.cmd = exec.Command(c.Path, append(args, c.Options...)...)
	p.cmd.Env, p.cmd.Dir = c.Env, c.Dir
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = files.child[0], files.child[1], files.child[2]
	if err := p.group.start(p.cmd, c.SysProcAttr); err != nil {
		files.closeParent()
		p.group.close()
		return nil, err
	}
	p.stdout, p.stderr = files.parent[1], files.parent[2]
	return files.parent[0], nil
}

// pipes are the ends of the three standard streams.
type pipes struct{ child, parent [3]*os.File }

func (p *pipes) open() error {
	for i := range p.child {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		p.child[i], p.parent[i] = r, w
		if i > 0 {
			p.child[i], p.parent[i] = w, r
		}
	}
	return nil
}

func (p *pipes) closeChild()  { closeAll(p.child) }
func (p *pipes) closeParent() { closeAll(p.parent) }

func closeAll(files [3]*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// Pid is the process id of the engine.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Transport gives the transport for the next pool: the first one, or another
// after the pool before was closed. Variables, functions and modules start
// afresh in a new pool, the process with its environment and assemblies stays.
func (p *Process) Transport() psrp.Transport { return p.conn.Transport() }

// Done is closed when the process tree has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for Done and tells how the process ended: nil when no pool was
// open and it ended as engines do at the end of input, else an *ExitError.
func (p *Process) Wait() error {
	<-p.done
	return p.result
}

// Kill kills the process with all its group at once and does not wait.
func (p *Process) Kill() {
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	p.group.kill()
	_ = p.cmd.Process.Kill() // already dead is fine
}

// Close ends the input of the process, after which it ends by itself, and kills
// it after Config.CloseGrace or when ctx ends. It gives what Wait does.
func (p *Process) Close(ctx context.Context) error {
	p.conn.Close()
	timer := time.NewTimer(p.config.CloseGrace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	case <-ctx.Done():
		p.Kill()
	}
	return p.Wait()
}

// wait reaps the process, then kills what it left behind in its group.
func (p *Process) wait() {
	defer close(p.done)
	_ = p.cmd.Wait() // the state is what counts
	p.group.close()
	close(p.exited)
	p.finishOutput()
	p.conn.Close()
	p.result = p.exitError(p.conn.Clean())
}

// finishOutput waits for the readers; a process outside the group may hold
// their pipes open.
func (p *Process) finishOutput() {
	timer := time.NewTimer(outputWait)
	defer timer.Stop()
	for _, done := range []<-chan struct{}{p.conn.Done(), p.stderrDone} {
		select {
		case <-done:
		case <-timer.C:
			timer.Reset(0)
		}
	}
	_ = p.stdout.Close()
	_ = p.stderr.Close()
	<-p.stderrDone
}

// endError is why standard output has ended, for the pool.
func (p *Process) endError() error {
	timer := time.NewTimer(exitWait)
	defer timer.Stop()
	for _, done := range []<-chan struct{}{p.exited, p.stderrDone} {
		select {
		case <-done:
		case <-timer.C:
			timer.Reset(0)
		}
	}
	if err := p.exitError(false); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

// exitError describes the end of the process. Engines end with 160 (4000 where
// exit codes are not bytes) at the end of their input, which is success when no
// pool was open.
func (p *Process) exitError(clean bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := &ExitError{Code: -1, Killed: p.killed, Stderr: p.tail.Text(p.config.Redact)}
	select {
	case <-p.exited:
		e.Code = p.cmd.ProcessState.ExitCode()
		e.Signal = signalName(p.cmd.ProcessState)
	default:
	}
	if clean && !e.Killed && (e.Code == 0 || e.Code == 160 || e.Code == 4000) {
		return nil
	}
	return e
}

// readStderr passes lines on and keeps the last of them.
func (p *Process) readStderr() {
	defer close(p.stderrDone)
	tail.Read(p.stderr, p.stderrLine)
}

func (p *Process) stderrLine(text string) {
	p.tail.Add(text)
	if rest, ok := strings.CutPrefix(text, remoteErrorPrefix); ok &&
		p.conn.Fail(&RemoteError{Text: tail.Redact(strings.TrimSpace(rest))}) {
		return
	}
	if p.config.Stderr != nil {
		p.config.Stderr(text)
	}
}
