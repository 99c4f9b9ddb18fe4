package gateway

import (
	"context"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/epo-dev/epo/internal/httpjson"
	"github.com/epo-dev/epo/internal/store"
	"github.com/epo-dev/epo/internal/token"
)

// newUser is the body of a request for a user.
type newUser struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Roles       []string `json:"roles"`
}

// createdUser answers it. The password is shown here and nowhere else.
type createdUser struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// CreateUser makes a user of the administrator's tenant, with a password that is made here.
func (g *Gateway) CreateUser(w http.ResponseWriter, r *http.Request, who *token.Verified) error {
	if err := g.guardAdmin(r, who); err != nil {
		return err
	}
	var in newUser
	if err := httpjson.Decode(r, maxBody, &in); err != nil {
		return err
	}
	password, hash, err := g.makePassword(r.Context())
	if err != nil {
		return err
	}
	created, err := g.db.addUser(r.Context(), frameOf(r, who), in, hash)
	if err != nil {
		return err
	}
	created.Password = password
	httpjson.Write(w, http.StatusCreated, created)
	return nil
}

// ResetPassword gives another user of the administrator's tenant a password that is made here, and ends that user's sign-ins.
// The path value id names the user.
func (g *Gateway) ResetPassword(w http.ResponseWriter, r *http.Request, who *token.Verified) error {
	if err := g.guardAdmin(r, who); err != nil {
		return err
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil {
		return httpjson.NewError(http.StatusNotFound, "not_found", "there is no such object")
	}
	if r.ContentLength != 0 {
		if err := httpjson.Decode(r, maxBody, &struct{}{}); err != nil {
			return err
		}
	}
	password, hash, err := g.makePassword(r.Context())
	if err != nil {
		return err
	}
	if err := g.db.resetPassword(r.Context(), frameOf(r, who), id.String(), hash); err != nil {
		return err
	}
	httpjson.Write(w, http.StatusOK, map[string]string{"password": password})
	return nil
}

// guardAdmin refuses everybody else before anything is hashed; the database asks again, and for today's roles.
func (g *Gateway) guardAdmin(r *http.Request, who *token.Verified) error {
	if err := g.guard(r); err != nil {
		return err
	}
	if who.Kind != token.KindAdmin {
		return &httpjson.Error{Status: http.StatusForbidden, Code: "forbidden", Message: "your roles do not allow this", Hint: "needed: admin"}
	}
	return nil
}

// makePassword returns a new password and its hash.
func (g *Gateway) makePassword(ctx context.Context) (password, hash string, err error) {
	password = NewPassword()
	hash, err = g.hasher.hash(ctx, password)
	return password, hash, err
}

// passwordChange is the body of a change of one's own password.
type passwordChange struct {
	Current string `json:"current"`
	New     string `json:"new"`
}

// check normalises both, and refuses a new password that may not be chosen.
func (c *passwordChange) check() error {
	if err := CheckChosenPassword(c.New); err != nil {
		return &httpjson.Error{Status: http.StatusBadRequest, Code: "password_weak", Message: err.Error()}
	}
	current, err := normalPassword(c.Current)
	if err != nil {
		return passwordWrong()
	}
	fresh, err := normalPassword(c.New)
	if err != nil {
		return err
	}
	if current == fresh {
		return &httpjson.Error{Status: http.StatusBadRequest, Code: "password_weak", Message: "the new password is the present one"}
	}
	c.Current, c.New = current, fresh
	return nil
}

// passwordWrong is no 401: the token is good, and no other one would help.
func passwordWrong() error {
	return httpjson.NewError(http.StatusForbidden, "password_wrong", "the present password is wrong")
}

// ChangePassword gives whoever asks another password. Their other sign-ins end; the one that asks stays. Guesses of the
// present password are throttled together with those at sign-in.
func (g *Gateway) ChangePassword(w http.ResponseWriter, r *http.Request, who *token.Verified) error {
	if err := g.guard(r); err != nil {
		return err
	}
	var in passwordChange
	if err := httpjson.Decode(r, maxBody, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	f := frameOf(r, who)
	own, err := g.db.ownIdentity(r.Context(), f)
	if err != nil {
		return err
	}
	key, addr := accountKey(own.tenant, own.name), networkOf(r.RemoteAddr)
	if wait := g.throttle.begin(key, addr); wait > 0 {
		return tooMany(wait)
	}
	matches, err := g.hasher.verify(r.Context(), in.Current, own.hash)
	if err != nil {
		g.throttle.undo(key, addr)
		return tooMany(hashWait)
	}
	if !matches {
		if err := g.db.recordWrongPassword(r.Context(), f, clientName(r, clientBearer)); err != nil {
			return err
		}
		return passwordWrong()
	}
	g.throttle.succeed(key, addr)
	hash, err := g.hasher.hash(r.Context(), in.New)
	if err != nil {
		return err
	}
	if err := g.db.changePassword(r.Context(), f, own.hash, hash); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// clientBearer is who comes with an access token; which kind of client got it is not said in it.
const clientBearer = "bearer"

func (d database) addUser(ctx context.Context, f frame, u newUser, hash string) (createdUser, error) {
	var c createdUser
	err := d.row(ctx, f, func(row pgx.Row) error { return row.Scan(&c.ID, &c.Name) },
		`select id::text, name from auth.add_user($1, $2, $3, $4)`, u.Name, u.DisplayName, hash, u.Roles)
	return c, store.AsError(err)
}

func (d database) resetPassword(ctx context.Context, f frame, userID, hash string) error {
	return d.exec(ctx, f, `select auth.reset_password($1, $2)`, userID, hash)
}

// ownIdentity is what a person's present password is compared with.
type ownIdentity struct{ tenant, name, hash string }

func (d database) ownIdentity(ctx context.Context, f frame) (ownIdentity, error) {
	var o ownIdentity
	err := d.row(ctx, f, func(row pgx.Row) error { return row.Scan(&o.tenant, &o.name, &o.hash) },
		`select tenant_slug, user_name, password_hash from auth.own_identity()`)
	return o, store.AsError(err)
}

func (d database) changePassword(ctx context.Context, f frame, old, fresh string) error {
	return d.exec(ctx, f, `select auth.change_password($1, $2)`, old, fresh)
}

func (d database) recordWrongPassword(ctx context.Context, f frame, client string) error {
	return d.exec(ctx, f, `select auth.record_wrong_password($1)`, client)
}
