package rest

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/token"
)

// Database runs one statement in a transaction of its own, in the name of a caller; *store.Store is the one that counts.
type Database interface {
	Query(ctx context.Context, r store.Request, read func(pgx.Rows) error, sql string, args ...any) (store.Reply, error)
}

// answerTime is what a request may take beyond its statement: the wait for a connection and the way of the answer.
const answerTime = 15 * time.Second

// caller is who asks, and with which words.
type caller struct {
	who       *token.Verified
	method    string
	path      string
	requestID string
	agent     string // User-Agent
	readOnly  bool
}

// result is what a statement gave, copied out of the connection.
type result struct {
	total *int64
	count int64
	body  []byte // nil where there is none
}

// roleOf is the closed table from kind of token to database role; nothing that a token says becomes SQL.
func roleOf(kind token.Kind) (store.Role, bool) {
	switch kind {
	case token.KindAdmin:
		return store.RoleAdmin, true
	case token.KindUser:
		return store.RoleUser, true
	case token.KindAgent:
		return store.RoleAgent, true
	}
	return "", false
}

// frame is the frame of c's transaction.
func (f *Facade) frame(c caller) (store.Request, error) {
	role, ok := roleOf(c.who.Kind)
	if !ok {
		return store.Request{}, httpjson.Unauthorized("PGRST303", "this kind of token is not served")
	}
	headers, err := json.Marshal(map[string]string{"x-request-id": c.requestID, "user-agent": c.agent})
	if err != nil {
		return store.Request{}, err
	}
	return store.Request{
		Role: role, Claims: c.who.Payload, ID: c.requestID, Method: c.method, Path: c.path, Headers: string(headers),
		ReadOnly: c.readOnly, Timeout: f.config.StatementTimeout,
	}, nil
}

// run executes s for c in one round trip and one transaction, and after the commit hands on whom to wake.
func (f *Facade) run(ctx context.Context, c caller, s Statement) (result, error) {
	request, err := f.frame(c)
	if err != nil {
		return result{}, err
	}
	// A write goes on when its caller has gone: whether it was done must not depend on who is still listening.
	if !c.readOnly {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, f.config.StatementTimeout+answerTime)
	defer cancel()
	began := f.freshness.now()
	fresh, epoch := f.freshness.fresh(c.who.ID)
	request.SkipCheck = fresh
	var got result
	reply, err := f.config.Database.Query(ctx, request, func(rows pgx.Rows) error {
		got = result{}
		for rows.Next() {
			if err := rows.Scan(&got.total, &got.count, &got.body); err != nil {
				return err
			}
		}
		return rows.Err()
	}, s.SQL, s.Args...)
	if err != nil {
		return result{}, err
	}
	if !fresh {
		f.freshness.looked(c.who.ID, began, epoch)
	}
	if !c.readOnly && c.who.Kind == token.KindAdmin {
		f.freshness.forget() // it may have been about what somebody may do
	}
	if len(reply.Wakes) > 0 && f.config.Wake != nil {
		f.config.Wake(reply.Wakes...)
	}
	return got, nil
}
