package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/token"
)

// readyTimeout bounds the question to the database behind /readyz.
const readyTimeout = 2 * time.Second

// healthz says that the process runs.
func (s *Server) healthz(x *exchange, _ *http.Request) error {
	httpjson.Write(x, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

// readyz says whether requests should come here: the database answers, its catalogue keeps the rules, and the server is
// not about to end.
func (s *Server) readyz(x *exchange, r *http.Request) error {
	unready := func(why string, cause error) error {
		return &httpjson.Error{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: why, Cause: cause}
	}
	if s.draining.Load() {
		return unready("the server is ending", nil)
	}
	if why := s.broken.Load(); why != nil {
		return unready("the database does not keep its rules", nil)
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	if err := s.config.Store.Ping(ctx); err != nil {
		return unready("the database cannot be reached", err)
	}
	httpjson.Write(x, http.StatusOK, map[string]string{"status": "ready"})
	return nil
}

func (s *Server) version(x *exchange, _ *http.Request) error {
	httpjson.Write(x, http.StatusOK, map[string]string{"version": s.config.Version})
	return nil
}

// person is what whoami answers; the names are those of a sign-in's user.
type person struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Roles       []string `json:"roles"`
	TenantID    string   `json:"tenant_id"`
	Tenant      string   `json:"tenant"`
}

// whoami answers who the token speaks for, as the database sees it now.
func (s *Server) whoami(x *exchange, r *http.Request) error {
	p := person{ID: x.who.Subject, Roles: x.who.AppRoles, TenantID: x.who.TenantID}
	if x.who.Kind == token.KindAgent {
		if err := s.facade.Check(r.Context(), x.who); err != nil {
			return err
		}
		httpjson.Write(x, http.StatusOK, p)
		return nil
	}
	requestID := r.Header.Get(requestIDHeader)
	var users []struct {
		Name        string   `json:"name"`
		DisplayName string   `json:"display_name"`
		Roles       []string `json:"roles"`
	}
	if err := s.read(r.Context(), x.who, "users", "select=name,display_name,roles&id=eq."+p.ID, requestID, &users); err != nil {
		return err
	}
	var tenants []struct {
		Slug string `json:"slug"`
	}
	if err := s.read(r.Context(), x.who, "tenants", "select=slug", requestID, &tenants); err != nil {
		return err
	}
	if len(users) == 1 {
		p.Name, p.DisplayName, p.Roles = users[0].Name, users[0].DisplayName, users[0].Roles
	}
	if len(tenants) == 1 {
		p.Tenant = tenants[0].Slug
	}
	httpjson.Write(x, http.StatusOK, p)
	return nil
}

// read reads rows of a view as who into rows.
func (s *Server) read(ctx context.Context, who *token.Verified, view, query, requestID string, rows any) error {
	body, err := s.facade.Get(ctx, who, view, query, requestID)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, rows)
}
