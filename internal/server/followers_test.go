package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/server"
)

const (
	// openPages is how many run pages are open at once.
	openPages = 500
	// openRuns is how many runs they look at.
	openRuns = 100
)

// pages is what the process that stands for the browsers is told.
type pages struct {
	URL, Bearer string
	Runs        []string
}

// seen is what it tells: from a line's transaction to the hint, and to the line itself in the follower's hands.
type seen struct{ Hints, Lines []time.Duration }

// BenchmarkFollowers has 500 run pages open on one server and writes lines to their runs. The pages live in a process of
// their own, so that the memory measured is the server's. A line's time is the start of the transaction that stores it.
func BenchmarkFollowers(b *testing.B) {
	s := newStack(b, func(c *server.Config) { c.Logger = slog.New(slog.DiscardHandler) })
	tn := s.newTenant("acme")
	m := s.newMachine(tn, "pool")
	script, target, first := s.newRun(tn, m, "script")
	told := pages{URL: s.url, Bearer: tn.operator, Runs: []string{first}}
	for len(told.Runs) < openRuns {
		told.Runs = append(told.Runs, s.queue(tn, script, target))
	}
	var attempts []string
	for len(attempts) < openRuns {
		attempts = append(attempts, s.started(m)...)
	}
	before := memory()
	browsers := open(b, told)
	after := memory()
	b.ResetTimer()
	began := time.Now()
	for i := range b.N { // one line a run and second: 100 lines a second, each for 5 pages
		s.append(m, attempts[i%openRuns], i/openRuns+1, `{"seq":1,"stream":"output","text":"x"}`)
		time.Sleep(time.Until(began.Add(time.Duration(i+1) * time.Second / openRuns))) // the pace is given
	}
	b.StopTimer()
	got := browsers(b.N * openPages / openRuns)
	require.NotEmpty(b, got.Lines)
	p := func(list []time.Duration, part float64) float64 {
		slices.Sort(list)
		return float64(list[int(part*float64(len(list)-1))].Microseconds()) / 1000
	}
	b.ReportMetric(float64(after-before)/openPages/1024, "KiB/follower")
	b.ReportMetric(p(got.Hints, 0.99), "hint-p99-ms")
	b.ReportMetric(p(got.Lines, 0.5), "line-p50-ms")
	b.ReportMetric(p(got.Lines, 0.99), "line-p99-ms")
	b.ReportMetric(float64(len(got.Lines)), "lines-seen")
	b.ReportMetric(0, "ns/op") // the pace
}

// memory is what the process holds after a collection.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc + stats.StackInuse
}

// open starts the process with the pages and returns once all of them follow. What it returns waits until so many lines were seen.
func open(b *testing.B, told pages) func(lines int) seen {
	b.Helper()
	input, err := json.Marshal(told)
	require.NoError(b, err)
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run=^TestPages$", "-test.count=1")
	cmd.Env = append(os.Environ(), "EPO_TEST_PAGES="+string(input))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(b, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, cmd.Start())
	lines := bufio.NewReader(stdout)
	ready, err := lines.ReadString('\n')
	require.NoError(b, err)
	require.Equal(b, "ready\n", ready)
	return func(count int) (got seen) {
		_, err := fmt.Fprintln(stdin, count)
		require.NoError(b, err)
		text, err := lines.ReadString('\n')
		require.NoError(b, err)
		require.NoError(b, json.Unmarshal([]byte(text), &got))
		_, _ = io.Copy(io.Discard, lines)
		require.NoError(b, cmd.Wait())
		return got
	}
}

// TestPages is the process with the pages; by itself it does nothing.
func TestPages(t *testing.T) {
	input := os.Getenv("EPO_TEST_PAGES")
	if input == "" {
		t.Skip("part of BenchmarkFollowers")
	}
	var told pages
	require.NoError(t, json.Unmarshal([]byte(input), &told))
	book := &book{more: make(chan struct{}, 1)}
	transport := &http.Transport{MaxIdleConnsPerHost: openPages}
	var following sync.WaitGroup
	for i := range openPages {
		following.Add(1)
		p := &page{told: told, run: told.Runs[i%len(told.Runs)], client: &http.Client{Transport: transport}, book: book}
		go p.follow(following.Done)
	}
	following.Wait()
	fmt.Println("ready")
	var want int
	_, err := fmt.Scanln(&want)
	require.NoError(t, err)
	for deadline := time.After(30 * time.Second); book.count() < want; {
		select {
		case <-book.more:
		case <-deadline:
			want = 0 // what was seen is told; the rest was lost
		}
	}
	text, err := json.Marshal(book.seen)
	require.NoError(t, err)
	fmt.Println(string(text))
	os.Exit(0) // its streams end with the process
}

// book keeps what the pages saw.
type book struct {
	mu   sync.Mutex
	seen seen
	more chan struct{}
}

func (k *book) add(hint, line time.Duration) {
	k.mu.Lock()
	k.seen.Hints, k.seen.Lines = append(k.seen.Hints, hint), append(k.seen.Lines, line)
	k.mu.Unlock()
	select {
	case k.more <- struct{}{}:
	default:
	}
}

func (k *book) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.seen.Lines)
}

// page is one open run page: it reads what is new whenever it is told to look.
type page struct {
	told   pages
	run    string
	client *http.Client
	book   *book
	next   int64
}

func (p *page) get(path string) (*http.Response, error) {
	r, err := http.NewRequest("GET", p.told.URL+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.told.Bearer)
	return p.client.Do(r)
}

// follow calls ready after the first hint.
func (p *page) follow(ready func()) {
	once := sync.OnceFunc(ready)
	response, err := p.get("/events?run=" + p.run)
	if err != nil || response.StatusCode != http.StatusOK {
		panic(fmt.Sprint("cannot follow: ", err, response))
	}
	defer response.Body.Close()
	lines := bufio.NewReaderSize(response.Body, 256)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if !strings.HasPrefix(line, "data:") {
			continue
		}
		p.look(time.Now())
		once()
	}
}

func (p *page) look(hinted time.Time) {
	response, err := p.get(fmt.Sprintf("/api/job_run_logs?select=last_seq,created_at,chunk&run_id=eq.%s&first_seq=gt.%d&order=first_seq", p.run, p.next))
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	var rows []struct {
		Last int64     `json:"last_seq"`
		At   time.Time `json:"created_at"`
	}
	body, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(body)).Decode(&rows)
	}
	if err != nil {
		panic(fmt.Sprint(err, string(body)))
	}
	for _, row := range rows {
		p.book.add(max(0, hinted.Sub(row.At)), time.Since(row.At))
		p.next = row.Last
	}
}
