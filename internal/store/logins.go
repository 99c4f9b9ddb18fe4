package store

// Role names the application role that a request acts in, and with it the login and the pool it uses: `set role` alone
// is no wall, so each role is reached by one login only.
type Role string

// The roles that requests act in.
const (
	RoleUser  Role = "app_user"
	RoleAdmin Role = "app_admin"
	RoleAgent Role = "app_agent"
)

// login is one database login with the share of the connection budget that its pool gets.
type login struct {
	name     string
	role     Role // "" for those that no request uses
	share    int  // of totalShares
	password func(Secrets) string
}

const totalShares = 16

var logins = []login{
	{"epo_rest_user", RoleUser, 5, func(s Secrets) string { return s.RestUser }},
	{"epo_rest_agent", RoleAgent, 5, func(s Secrets) string { return s.RestAgent }},
	{"epo_rest_admin", RoleAdmin, 2, func(s Secrets) string { return s.RestAdmin }},
	{gatewayLogin, "", 2, func(s Secrets) string { return s.Gateway }},
	{migratorLogin, "", 2, func(s Secrets) string { return s.Migrator }},
}

const (
	gatewayLogin  = "epo_gateway"
	migratorLogin = "epo_migrator"
)

// split divides the budget by shares; everybody gets one connection at least.
func split(budget int) map[string]int32 {
	sizes := make(map[string]int32, len(logins))
	for _, l := range logins {
		sizes[l.name] = int32(max(1, budget*l.share/totalShares))
	}
	return sizes
}
