package store

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"
)

// Source lets tests bring a database to a schema of their own.
type Source struct {
	Migrations, Code []Script
	Digest           string
	Rules            []Script
}

// Script is one SQL file of a Source.
type Script struct{ Name, SQL string }

func (s Source) internal() source {
	convert := func(from []Script) (to []script) {
		for _, f := range from {
			to = append(to, script{f.Name, f.SQL})
		}
		return to
	}
	src := source{migrations: convert(s.Migrations), code: convert(s.Code), digest: s.Digest}
	for _, r := range s.Rules {
		src.rules = append(src.rules, rule{name: r.Name, reason: "so", sql: r.SQL})
	}
	return src
}

func (s Source) Migrate(ctx context.Context, url string, secrets Secrets, log *slog.Logger) (Report, error) {
	return s.internal().migrate(ctx, url, secrets, log)
}

func (s Source) Status(ctx context.Context, url string) ([]MigrationStatus, error) {
	conn, err := connectAdmin(ctx, url)
	if err != nil {
		return nil, err
	}
	defer closeQuietly(conn)
	return s.internal().status(ctx, conn)
}

func (s Source) Violations(ctx context.Context, conn *pgx.Conn) ([]Violation, error) {
	return s.internal().violations(ctx, conn)
}

var (
	JudgeVersion  = judgeVersion
	ScramVerifier = scramVerifier
	Split         = split
	Topics        = topics
)
