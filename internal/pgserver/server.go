package pgserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/epo-dev/epo/internal/account"
	"github.com/epo-dev/epo/internal/filelock"
)

// Server is a running PostgreSQL.
type Server struct {
	config     Config
	files      layout
	binaries   binaries
	as         *account.Account
	lock       *filelock.Lock
	log        *os.File
	port       int
	superPass  string
	adminPass  string
	accountNew bool

	stopping chan struct{} // closed by Stop
	stopOnce sync.Once
	done     chan struct{} // closed when nothing runs any more and err is set
	err      error

	mu      sync.Mutex
	current *process // nil between two processes
	stopCtx context.Context
}

// Start makes the folder and the database if they are missing, starts the server and returns when it answers queries.
// Its error is an *Error, or ctx's. Nothing is left running after an error.
func Start(ctx context.Context, c Config) (*Server, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, files: layout(c.DataDir), stopping: make(chan struct{}), done: make(chan struct{})}
	if err := s.open(ctx); err != nil {
		s.release()
		return nil, err
	}
	if err := s.begin(ctx); err != nil {
		s.release()
		return nil, err
	}
	go s.supervise()
	return s, nil
}

// open does everything that comes before a process.
func (s *Server) open(ctx context.Context) error {
	if err := s.openFolder(); err != nil {
		return err
	}
	if err := s.openBinaries(ctx); err != nil {
		return err
	}
	if err := s.config.writeConfig(s.files); err != nil {
		return fileError("write the configuration", err)
	}
	if err := ensureCluster(ctx, s.config, s.files, s.binaries, s.as, s.log); err != nil {
		return err
	}
	var err error
	if s.superPass, err = ensurePassword(s.files.superuserPassword()); err != nil {
		return err
	}
	s.adminPass, err = ensurePassword(s.files.adminPassword())
	return err
}

func (s *Server) openFolder() (err error) {
	mode := os.FileMode(0o700)
	if isRoot() {
		mode = 0o755 // the account has to get through; what is secret has a mode of its own
	}
	if err := os.MkdirAll(s.config.DataDir, mode); err != nil {
		return fileError("make the data folder", err)
	}
	if err := os.Chmod(s.config.DataDir, mode); err != nil { // whatever the umask was
		return fileError("open the data folder", err)
	}
	if s.lock, err = takeLock(s.files.lock()); err != nil {
		return err
	}
	if err := rotate(s.files.log()); err != nil {
		return fileError("rotate the log", err)
	}
	if s.log, err = os.OpenFile(s.files.log(), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return fileError("open the log", err)
	}
	if !isRoot() {
		return nil
	}
	as, created, err := account.Ensure(s.config.Account)
	if err != nil {
		return &Error{Code: NoAccount, What: "as root the server needs an unprivileged account", Err: err,
			Do: "Make one by hand (useradd --system --no-create-home " + s.config.Account + "), or start EPO as an ordinary user"}
	}
	s.as, s.accountNew = &as, created
	if err := as.Reach(s.config.DataDir); err != nil {
		return &Error{Code: Unreachable, What: "the server's account cannot use the data folder", Err: err,
			Do: "Name a data folder that every account can get to, such as /var/lib/epo, or make the folders above it enterable (chmod o+x)"}
	}
	return nil
}

func takeLock(path string) (*filelock.Lock, error) {
	lock, err := filelock.Try(path)
	if err == nil {
		return lock, nil
	}
	if !errors.Is(err, filelock.ErrHeld) {
		return nil, fileError("lock the data folder", err)
	}
	return nil, &Error{Code: InUse, What: "another process of EPO runs the server of this data folder", Do: "Stop it (`epo down`), or name another data folder"}
}

const maxLogBytes = 16 << 20

func rotate(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() < maxLogBytes {
		return nil
	}
	return os.Rename(path, path+".1")
}

func (s *Server) openBinaries(ctx context.Context) error {
	dir := s.config.BinDir
	var err error
	if dir == "" {
		dir, err = Find(".")
	} else {
		dir, err = installation(dir)
	}
	if err != nil {
		return err
	}
	if dir, err = prepare(dir, s.files, s.as); err != nil {
		return err
	}
	s.binaries, err = inspect(ctx, dir)
	return err
}

// begin clears what an earlier server left, starts a process and makes role and database sure. With a port of our own
// choice it tries another one when somebody was faster.
func (s *Server) begin(ctx context.Context) error {
	found, err := clearLeftovers(ctx, s.files.cluster())
	if err != nil {
		return err
	}
	if found > 0 {
		s.config.Logger.Warn("stopped what an earlier database server left running", "processes", found)
	}
	for attempt := 0; ; attempt++ {
		if s.port, err = s.choosePort(attempt > 0); err != nil {
			return err
		}
		err = s.launch(ctx)
		if err == nil {
			break
		}
		if CodeOf(err) != PortTaken || s.config.Port != 0 || attempt == 5 {
			return err
		}
	}
	if err := s.setUpAdmin(ctx); err != nil {
		s.kill()
		return err
	}
	if err := writeFile(s.files.port(), strconv.Itoa(s.port)+"\n", 0o644); err != nil {
		s.kill()
		return fileError("write the port", err)
	}
	return nil
}

// choosePort prefers the given port, then that of the last start. Whether it is still free when the server binds it is
// for the server to say.
func (s *Server) choosePort(fresh bool) (int, error) {
	if s.config.Port != 0 {
		if !free(s.config.Port) {
			return 0, &Error{Code: PortTaken, What: fmt.Sprintf("port %d of 127.0.0.1 is taken", s.config.Port),
				Do: "Stop the program that listens there, or leave the port out so that a free one is taken"}
		}
		return s.config.Port, nil
	}
	if last, err := readPort(s.files); err == nil && !fresh && free(last) {
		return last, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, &Error{Code: PortTaken, What: "no port of 127.0.0.1 is free", Err: err}
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	l.Close()
	return true
}

func readPort(l layout) (int, error) {
	text, err := os.ReadFile(l.port())
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// launch starts the process and waits until it answers.
func (s *Server) launch(ctx context.Context) error {
	mark, err := s.log.Seek(0, 2)
	if err != nil {
		return fileError("read the log", err)
	}
	p, err := launch(s.as, s.log, program(s.binaries.home, "postgres"),
		"-D", s.files.cluster(), "-c", "config_file="+s.files.config(), "-p", strconv.Itoa(s.port))
	if err != nil {
		return failure("postgres does not start", "", err)
	}
	s.setCurrent(p)
	ctx, cancel := context.WithTimeout(ctx, s.config.StartTimeout)
	defer cancel()
	if err := s.waitReady(ctx, p); err != nil {
		s.kill()
		if errors.Is(err, errEnded) {
			return failure("the server ended while starting", tail(s.files.log(), mark), p.err)
		}
		if errors.Is(err, context.DeadlineExceeded) {
			return &Error{Code: StartTimeout, What: fmt.Sprintf("no answer within %v", s.config.StartTimeout), Log: tail(s.files.log(), mark), Err: err,
				Do: "A long recovery after a crash needs a longer time limit; otherwise see the lines below"}
		}
		return err
	}
	return nil
}

var errEnded = errors.New("server ended")

// pollFirst is the first pause between two questions to a starting server, which is up after 25 to 150 ms. The pause
// grows, since a server in a long recovery forks a process for each question.
const (
	pollFirst = 2 * time.Millisecond
	pollLast  = 50 * time.Millisecond
)

func (s *Server) waitReady(ctx context.Context, p *process) error {
	for pause := pollFirst; ; pause = min(pause*11/10, pollLast) {
		if err := s.ping(ctx); err == nil {
			return nil
		} else if fatal(err) {
			return &Error{Code: PasswordMissing, What: "the server refuses the password of " + s.files.superuserPassword(), Err: err,
				Do: "Restore that file from a backup. If nothing in the data folder matters, remove the folder and start again"}
		}
		select {
		case <-time.After(pause):
		case <-p.done:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Server) setCurrent(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = p
}

// kill ends the current process without ceremony.
func (s *Server) kill() {
	p := s.current
	if p == nil {
		return
	}
	_ = p.stopNow(s.binaries.home, s.files.cluster())
	select {
	case <-p.done:
	case <-time.After(stopNowWait):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	s.setCurrent(nil)
}

func (s *Server) release() {
	if s.log != nil {
		s.log.Close()
	}
	if s.lock != nil {
		_ = s.lock.Release()
	}
}
