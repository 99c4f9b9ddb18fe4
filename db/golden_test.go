package db_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/internal/testkit"
)

var update = flag.Bool("update", false, "write testdata/catalogue.txt anew")

// catalogue describes what was built, a line for each fact, without the
// partitions, whose names follow the date. Bodies stand as digests: their text is
// in db, but what the audit triggers were made of is nowhere else, so that is whole.
const catalogue = `
with ours as (
	select c.*, c.oid as id, c.oid::regclass::text as name
	from pg_class as c
	where c.relnamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
		and c.relkind in ('r', 'p', 'v') and not c.relispartition
),
acl as (
	select o.name as object, g.grantee, string_agg(lower(g.privilege_type), ' ' order by g.privilege_type) as rights
	from ours as o cross join lateral aclexplode(o.relacl) as g
	where g.grantee <> o.relowner
	group by 1, 2
	union all
	select o.name || '.' || a.attname, g.grantee, string_agg(lower(g.privilege_type), ' ' order by g.privilege_type)
	from ours as o join pg_attribute as a on a.attrelid = o.id cross join lateral aclexplode(a.attacl) as g
	group by 1, 2
	union all
	select 'schema ' || n.nspname, g.grantee, string_agg(lower(g.privilege_type), ' ' order by g.privilege_type)
	from pg_namespace as n cross join lateral aclexplode(n.nspacl) as g
	where n.nspname = any ('{epo,auth,audit,api,hook}') and g.grantee <> n.nspowner
	group by 1, 2
	union all
	select p.oid::regprocedure::text, g.grantee, 'execute'
	from pg_proc as p cross join lateral aclexplode(p.proacl) as g
	where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[]) and g.grantee <> p.proowner
)
select line
from (
	select 1 as part, n.nspname::text as object, 0 as place, format('schema %s owner %s', n.nspname, n.nspowner::regrole) as line
	from pg_namespace as n where n.nspname = any ('{epo,auth,audit,api,hook}')
	union all
	select 2, o.name, 0, concat_ws(' ', case o.relkind when 'v' then 'view' else 'table' end, o.name, 'owner', o.relowner::regrole,
		'partition by ' || pg_get_partkeydef(o.id), 'with ' || array_to_string(o.reloptions, ' '),
		case when o.relrowsecurity then 'rls' end, case when o.relforcerowsecurity then 'forced' end)
	from ours as o
	union all
	select 2, o.name, a.attnum, concat_ws(' ', '  column', a.attname, format_type(a.atttypid, a.atttypmod), case when a.attnotnull then 'not null' end,
		case when a.attgenerated = 's' then 'generated' end, 'default ' || pg_get_expr(d.adbin, d.adrelid))
	from ours as o join pg_attribute as a on a.attrelid = o.id and a.attnum > 0 and not a.attisdropped
	left join pg_attrdef as d on d.adrelid = o.id and d.adnum = a.attnum
	union all
	select 3, o.name || k.conname, 0, format('  %s constraint %s %s', o.name, k.conname, pg_get_constraintdef(k.oid))
	from ours as o join pg_constraint as k on k.conrelid = o.id and k.contype <> 'n'
	union all
	select 4, x.indexrelid::regclass::text, 0, '  ' || pg_get_indexdef(x.indexrelid)
	from ours as o join pg_index as x on x.indrelid = o.id
	union all
	select 5, o.name || p.polname, 0, concat_ws(' ', '  policy', p.polname, 'on', o.name, case when p.polpermissive then 'permissive' else 'restrictive' end,
		'for', p.polcmd, 'to', (select string_agg(r.oid::regrole::text, ' ' order by r.oid::regrole::text) from unnest(p.polroles) as r (oid)),
		'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
	from ours as o join pg_policy as p on p.polrelid = o.id
	union all
	select 6, o.name || t.tgname, 0, '  ' || pg_get_triggerdef(t.oid) || case t.tgenabled when 'A' then ' always' else '' end
	from ours as o join pg_trigger as t on t.tgrelid = o.id and not t.tgisinternal
	union all
	select 7, o.name, 0, format('view %s %s', o.name, md5(pg_get_viewdef(o.id)))
	from ours as o where o.relkind = 'v'
	union all
	select 8, p.oid::regprocedure::text, 0, concat_ws(' ', 'function', p.oid::regprocedure, 'returns', pg_get_function_result(p.oid), 'owner', p.proowner::regrole,
		case when p.prosecdef then 'definer' end, case p.provolatile when 'i' then 'immutable' when 's' then 'stable' end, array_to_string(p.proconfig, ' '),
		md5(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)))
	from pg_proc as p where p.pronamespace = any ('{epo,auth,audit,api,hook}'::regnamespace[])
	union all
	select 9, p.proname, 0, format(E'source of %s\n%s', p.proname, p.prosrc)
	from pg_proc as p where p.pronamespace = 'epo'::regnamespace and p.proname ~ '^tg_(job_run_targets|identities)__audit'
	union all
	select 10, a.object || a.grantee::regrole, 0, format('grant on %s to %s %s', a.object, a.grantee::regrole, a.rights)
	from acl as a
) as facts
order by part, object collate "C", place, line collate "C"`

// A change of the catalogue is seen in a diff, whatever made it.
func TestCatalogueIsAsReviewed(t *testing.T) {
	t.Parallel()
	conn := superuser(t, testkit.DB(t))
	rows, err := conn.Query(t.Context(), catalogue)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	got := strings.Join(lines, "\n") + "\n"

	const file = "testdata/catalogue.txt"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "run the test with -update and read the difference")
}
