package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/ssh"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
)

// A script on a host behind a jump host, with a key and with host keys that are
// known.
func Example() {
	ctx := context.Background()
	host, stop := exampleHost() // stands for db1.internal and gate.example.org:2222
	defer stop()
	known := ssh.HostKeys{Files: []string{host.knownHosts}}
	auth := ssh.Auth{Keys: []ssh.PrivateKey{{PEM: host.key}}} // with a Passphrase if it has one
	session, err := ssh.Dial(ctx, ssh.Config{
		Address: host.address, User: host.user, Auth: auth, HostKeys: known,
		Jump: &ssh.Config{Address: host.address, User: host.user, Auth: auth, HostKeys: known},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pool, err := psrp.Open(ctx, session.Transport(), psrp.Config{})
	if err != nil {
		session.Kill()
		fmt.Println(err)
		return
	}
	run, err := pool.Start(ctx, psrp.Script("param($Secret) $Secret.Length",
		psrp.Parameter{Name: "Secret", Value: psrp.NewSecret("sent encrypted")}))
	if err != nil {
		session.Kill()
		fmt.Println(err)
		return
	}
	for event, err := range run.Events(ctx) {
		if output, ok := event.(psrp.OutputEvent); ok {
			fmt.Println(output.Value)
		} else if err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(run.Close(ctx), pool.Close(ctx), session.Close(ctx))
	// Output:
	// 14
	// <nil> <nil> <nil>
}

// The first connection to a host: nothing is learned by itself, but the error
// has everything that is needed to decide.
func ExampleUnknownHostKeyError() {
	host, stop := exampleHost()
	defer stop()
	config := ssh.Config{
		Address: host.address, User: host.user, Auth: ssh.Auth{Keys: []ssh.PrivateKey{{PEM: host.key}}},
		HostKeys: ssh.HostKeys{Files: []string{os.DevNull}},
	}
	_, err := ssh.Dial(context.Background(), config)
	var unknown *ssh.UnknownHostKeyError
	if errors.As(err, &unknown) {
		fmt.Println("unknown host, for known_hosts:", unknown.Line != "")
		config.HostKeys.Pinned = []string{unknown.Fingerprint} // after somebody has looked at it
	}
	session, err := ssh.Dial(context.Background(), config)
	fmt.Println(err)
	session.Kill()
	_ = session.Wait()
	// Output:
	// unknown host, for known_hosts: true
	// <nil>
}

// example is a host for an example.
type example struct {
	address, user, knownHosts string
	key                       []byte
}

// exampleTest is the test that an example is not.
type exampleTest struct {
	testing.TB
	ends []func()
}

func (*exampleTest) Helper()                   {}
func (*exampleTest) Failed() bool              { return false }
func (*exampleTest) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (*exampleTest) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (e *exampleTest) Cleanup(end func())      { e.ends = append([]func(){end}, e.ends...) }
func (*exampleTest) Errorf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (e *exampleTest) FailNow()                { panic("failed") }
func (e *exampleTest) Logf(f string, a ...any) {}
func (e *exampleTest) TempDir() string {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	e.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func exampleHost() (host example, stop func()) {
	t := new(exampleTest)
	engine, err := foundEngine()
	if err != nil {
		panic(err)
	}
	s := sshtest.Start(t, sshtest.Options{PowerShell: append([]string{engine.Path}, engine.Args...)})
	host = example{s.Address, s.User, s.KnownHosts(s.HostKeys...), sshtest.UserKeys(t)["ed25519"].PEM}
	return host, func() {
		for _, end := range t.ends {
			end()
		}
	}
}
