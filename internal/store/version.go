package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	minimumVersion     = 170000 // as server_version_num counts
	recommendedVersion = 170011
)

// checkVersion refuses a server that EPO does not run on, and returns a warning for one with known holes.
func checkVersion(ctx context.Context, conn *pgx.Conn) (warning string, err error) {
	var number int
	if err := conn.QueryRow(ctx, "select current_setting('server_version_num')::int").Scan(&number); err != nil {
		return "", fmt.Errorf("ask for the server's version: %w", err)
	}
	return judgeVersion(number)
}

func judgeVersion(number int) (warning string, err error) {
	version := fmt.Sprintf("%d.%d", number/10000, number%10000)
	if number < minimumVersion {
		return "", &Error{Code: "database_too_old", Message: "PostgreSQL " + version + " is too old, EPO needs 17 or later", status: 503}
	}
	if number/10000 == recommendedVersion/10000 && number < recommendedVersion {
		return "PostgreSQL " + version + " lacks security fixes of 17.11 (CVE-2026-14680, CVE-2026-16239); update it", nil
	}
	return "", nil
}
