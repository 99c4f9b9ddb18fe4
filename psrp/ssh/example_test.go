package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/ssh"
)

// A script on a host behind a jump host, with a key that is protected by a
// passphrase and host keys that are known.
func Example() {
	ctx := context.Background()
	key, err := os.ReadFile("id_ed25519")
	if err != nil {
		log.Fatal(err)
	}
	known := ssh.HostKeys{Files: []string{"known_hosts"}}
	auth := ssh.Auth{Keys: []ssh.PrivateKey{{PEM: key, Passphrase: psrp.NewSecret("passphrase")}}}
	session, err := ssh.Dial(ctx, ssh.Config{
		Address: "db1.internal", User: "ops", Auth: auth, HostKeys: known,
		Jump: &ssh.Config{Address: "gate.example.org:2222", User: "jump", Auth: auth, HostKeys: known},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close(ctx)
	pool, err := psrp.Open(ctx, session.Transport(), psrp.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close(ctx)
	run, err := pool.Start(ctx, psrp.Script("param($Secret) $Secret.Length",
		psrp.Parameter{Name: "Secret", Value: psrp.NewSecret("sent encrypted")}))
	if err != nil {
		log.Fatal(err)
	}
	defer run.Close(ctx)
	for event, err := range run.Events(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if output, ok := event.(psrp.OutputEvent); ok {
			fmt.Println(output.Value)
		}
	}
}

// The first connection to a host: nothing is learned by itself, but the error
// has everything that is needed to decide.
func ExampleUnknownHostKeyError() {
	_, err := ssh.Dial(context.Background(), ssh.Config{ /* … */ })
	var unknown *ssh.UnknownHostKeyError
	if errors.As(err, &unknown) {
		fmt.Printf("%s shows %s; known_hosts line: %s\n", unknown.Host, unknown.Fingerprint, unknown.Line)
	}
}
