package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Request is the frame of one transaction: in whose name it runs and within which bounds.
type Request struct {
	Role      Role   // also picks the pool
	Claims    string // verified claims as JSON; policies, functions and audit read them
	ID        string // request id, for the audit
	Method    string // for functions that ask, as under PostgREST
	Path      string
	Headers   string        // JSON object with lower-case names; "" is {}
	ReadOnly  bool          // a write in it is 25006, 405
	Timeout   time.Duration // of each statement; default 30 s
	SkipCheck bool          // leave hook.pre_request out: the caller was looked up a moment ago
}

// Reply is what the transaction left behind besides its rows; of a read-only one that is nothing but its value.
type Reply struct {
	JSON    []byte              // Do: the one value of the one row; nil for null or no row
	Wakes   []string            // topics that epo.wake collected; hand them on, the transaction is committed
	Headers []map[string]string // response.headers, in order
	Status  int                 // response.status, 0 if not set
}

const defaultTimeout = 30 * time.Second

// The frame around the main statement. Role and claims are local to the transaction, and so is everything else.
const (
	frameSQL = `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true),
		set_config('request.id', $3, true), set_config('request.method', $4, true), set_config('request.path', $5, true),
		set_config('request.headers', $6, true), set_config('statement_timeout', $7, true)`
	frameReadOnlySQL = frameSQL + `, set_config('transaction_read_only', 'on', true)`
	preRequestSQL    = `select hook.pre_request()`
	outcomeSQL       = `select coalesce(current_setting('epo.wakes', true), ''), coalesce(current_setting('response.headers', true), ''),
		coalesce(current_setting('response.status', true), '')`
)

var errBadReply = errors.New("unexpected reply of the database")

// Do runs one statement in a transaction of its own and returns its value, which must be one column (json, jsonb or text)
// of at most one row. The whole transaction is one round trip: frame, pre-request, statement and outcome are pipelined
// without BEGIN, so an error of any of them undoes all. Errors are *Error.
//
// sql must be constant for a shape of request, since it is prepared once per connection; everything that varies belongs
// into args.
func (s *Store) Do(ctx context.Context, r Request, sql string, args ...any) (Reply, error) {
	var value []byte
	reply, err := s.Query(ctx, r, func(rows pgx.Rows) error {
		value = nil
		for count := 0; rows.Next(); count++ {
			if count > 0 {
				return fmt.Errorf("%w: more than one row", errBadReply)
			}
			if err := rows.Scan(&value); err != nil {
				return fmt.Errorf("%w: %w", errBadReply, err)
			}
		}
		return rows.Err()
	}, sql, args...)
	reply.JSON = value
	return reply, err
}

// Query is Do for statements with any columns and rows. read must not keep what rows.RawValues returns. It may be called
// a second time when a stale plan or a dead connection made the first attempt void, and its effect counts only if Query
// returns no error. An error of read itself comes too late to undo anything: whatever decides over the transaction is
// decided in SQL.
func (s *Store) Query(ctx context.Context, r Request, read func(pgx.Rows) error, sql string, args ...any) (Reply, error) {
	reply, err := s.attempt(ctx, r, read, sql, args)
	if err != nil && notDone(err) && ctx.Err() == nil {
		reply, err = s.attempt(ctx, r, read, sql, args)
	}
	if err != nil && ctx.Err() != nil {
		// What the server says of a cancelled statement is the effect, not the cause.
		return Reply{}, contextError(ctx.Err())
	}
	if err != nil {
		return Reply{}, AsError(err)
	}
	return reply, nil
}

func (s *Store) attempt(ctx context.Context, r Request, read func(pgx.Rows) error, sql string, args []any) (Reply, error) {
	conn, err := s.acquire(ctx, s.Pool(r.Role))
	if err != nil {
		return Reply{}, err
	}
	defer conn.Release()
	reply, err := r.send(ctx, conn.Conn(), read, sql, args)
	if err != nil && staleStatements(err) && conn.Conn().DeallocateAll(ctx) == nil {
		return r.send(ctx, conn.Conn(), read, sql, args)
	}
	return reply, err
}

func (r Request) send(ctx context.Context, conn *pgx.Conn, read func(pgx.Rows) error, sql string, args []any) (Reply, error) {
	var reply Reply
	var batch pgx.Batch
	r.frame(&batch)
	batch.Queue(sql, args...).Query(read)
	if !r.ReadOnly { // a read wakes nobody
		batch.Queue(outcomeSQL).QueryRow(reply.setOutcome)
	}
	if err := conn.SendBatch(ctx, &batch).Close(); err != nil {
		return Reply{}, err
	}
	return reply, nil
}

func (r Request) frame(batch *pgx.Batch) {
	sql := frameSQL
	if r.ReadOnly {
		sql = frameReadOnlySQL
	}
	headers, timeout := r.Headers, r.Timeout
	if headers == "" {
		headers = "{}"
	}
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	milliseconds := strconv.FormatInt(max(1, timeout.Milliseconds()), 10)
	batch.Queue(sql, string(r.Role), r.Claims, r.ID, r.Method, r.Path, headers, milliseconds)
	if !r.SkipCheck {
		batch.Queue(preRequestSQL)
	}
}

// setOutcome reads what outcomeSQL returns.
func (r *Reply) setOutcome(row pgx.Row) error {
	var wakes, headers, status string
	if err := row.Scan(&wakes, &headers, &status); err != nil {
		return err
	}
	r.Wakes = topics(wakes)
	return r.setResponse(headers, status)
}

// acquire waits for a connection, but not for ever.
func (s *Store) acquire(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	waiting, cancel := context.WithTimeout(ctx, s.config.AcquireTimeout)
	defer cancel()
	conn, err := pool.Acquire(waiting)
	if err != nil && ctx.Err() == nil && waiting.Err() != nil {
		return nil, &Error{Code: "PGRST003", Message: "no database connection became free in time", status: 504, cause: err}
	}
	return conn, err
}

// setResponse reads response.headers (an array of one-key objects) and response.status. The transaction is committed by
// the time it can complain.
func (r *Reply) setResponse(headers, status string) error {
	if headers != "" {
		if err := json.Unmarshal([]byte(headers), &r.Headers); err != nil {
			return &Error{Code: "PGRST111", Message: "response.headers must be an array of objects with one key each", status: 500, cause: err}
		}
	}
	if status != "" {
		n, err := strconv.Atoi(status)
		if err != nil || n < 100 || n > 599 {
			return &Error{Code: "PGRST112", Message: "response.status must be a valid status code", status: 500}
		}
		r.Status = n
	}
	return nil
}
