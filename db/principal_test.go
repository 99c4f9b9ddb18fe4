package db_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/testkit"
)

// altered is a caller whose token says something else.
type altered struct {
	testkit.Caller
	change map[string]any
}

func (a altered) Claims() string {
	var claims map[string]any
	if err := json.Unmarshal([]byte(a.Caller.Claims()), &claims); err != nil {
		panic(err)
	}
	maps.Copy(claims, a.change)
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// A token lives for minutes; what it says holds only as long as the tables agree.
func TestPrincipalLosesAccessAtOnce(t *testing.T) {
	t.Parallel()
	people := func(b bundle) error {
		_, err := b.db.Store.Do(t.Context(), testkit.Request(b.Operator), "select count(*)::text from api.pools")
		return err
	}
	agent := func(b bundle) error {
		_, err := b.db.Call(t.Context(), b.agent, "claim_run_targets", testkit.Args{"max_targets": 1})
		return err
	}
	for _, test := range []struct {
		name, sql string
		try       func(bundle) error
	}{
		{"disabled user", "update auth.users set disabled_at = now() where name = 'operator'", people},
		{"role taken away", "update auth.user_roles set role_name = 'auditor' where role_name = 'operator' and user_id = (select id from auth.users where name = 'operator')", people},
		{"disabled tenant", "update epo.tenants set disabled_at = now()", people},
		{"revoked agent", "update epo.agents set state = 'revoked'", agent},
		{"agent of a disabled tenant", "update epo.tenants set disabled_at = now()", agent},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			require.NoError(t, test.try(b))
			b.db.Exec(t, test.sql)
			err := test.try(b)
			require.Equal(t, "principal_disabled", store.CodeOf(err), "%v", err)
		})
	}
}

// Claims that the gateway would never sign do not pass either.
func TestClaimsMustAgreeWithTheTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := newBundle(t, b.db, "other")
	for name, who := range map[string]testkit.Caller{
		"a role one does not have":      altered{b.Operator, map[string]any{"app_roles": []string{"operator", "auditor"}}},
		"administrator as user":         altered{b.Admin, map[string]any{"app_roles": []string{"operator"}}},
		"user as administrator":         altered{b.Operator, map[string]any{"role": "app_admin"}},
		"another role than that in use": altered{b.Operator, map[string]any{"role": "app_agent", "agent_id": b.agent.ID}},
		"another tenant":                altered{b.Operator, map[string]any{"tenant_id": other.ID}},
		"no tenant":                     altered{b.Operator, map[string]any{"tenant_id": nil}},
		"another tenant's agent":        altered{b.agent, map[string]any{"agent_id": other.agent.ID}},
		"an agent that is none":         altered{b.agent, map[string]any{"agent_id": uuid.NewString()}},
		"nobody":                        altered{b.Operator, map[string]any{"sub": uuid.NewString()}},
		"roles that are no list":        altered{b.Operator, map[string]any{"app_roles": "operator"}},
		"no roles":                      altered{b.Operator, map[string]any{"app_roles": nil}},
		"an empty list of roles":        altered{b.Operator, map[string]any{"app_roles": []string{}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := b.db.Store.Do(t.Context(), testkit.Request(who), "select 1::text")
			require.Equal(t, "principal_disabled", store.CodeOf(err), "%v", err)
		})
	}
}

func TestTenantKeepsAnAdministrator(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.refuse(t, "conflict", b.Admin, "disable_user", testkit.Args{"user_id": b.Admin.ID})
	b.refuse(t, "conflict", b.Admin, "set_user_roles", testkit.Args{"user_id": b.Admin.ID, "roles": []string{"operator"}})
	b.Call(t, b.Admin, "set_user_roles", testkit.Args{"user_id": b.Operator.ID, "roles": []string{"admin", "operator"}})
	b.Call(t, b.Admin, "disable_user", testkit.Args{"user_id": b.Admin.ID})
	b.refuse(t, "principal_disabled", b.Admin, "disable_user", testkit.Args{"user_id": b.Admin.ID, "disabled": false})
}
