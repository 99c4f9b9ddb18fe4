package ssh_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/epo-dev/epo/psrp/ssh"
	"github.com/epo-dev/epo/psrp/ssh/sshtest"
)

// startGoServer is a server that does what OpenSSH's does not: it passes on the
// standard error of a subsystem. Subsystems are the roles of this binary.
func startGoServer(t *testing.T) ssh.Config {
	t.Helper()
	k := sshtest.NewKey(t, "ed25519", "")
	config := &xssh.ServerConfig{PublicKeyCallback: func(xssh.ConnMetadata, xssh.PublicKey) (*xssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(k.Signer)
	address := serve(t, func(conn net.Conn) {
		server, channels, requests, err := xssh.NewServerConn(conn, config)
		if err != nil {
			return
		}
		var work sync.WaitGroup
		work.Go(func() { xssh.DiscardRequests(requests) })
		for c := range channels {
			channel, requests, err := c.Accept()
			if err != nil {
				break
			}
			work.Go(func() { runSubsystem(channel, requests) })
		}
		_ = server.Close()
		work.Wait()
	})
	return ssh.Config{Address: address, User: "u", Auth: ssh.Auth{Keys: []ssh.PrivateKey{{PEM: sshtest.UserKeys(t)["ed25519"].PEM}}},
		HostKeys: ssh.HostKeys{Pinned: []string{xssh.FingerprintSHA256(k.Signer.PublicKey())}}}
}

func runSubsystem(channel xssh.Channel, requests <-chan *xssh.Request) {
	var work sync.WaitGroup
	defer work.Wait()
	for r := range requests {
		var name struct{ Role string }
		if r.Type != "subsystem" || xssh.Unmarshal(r.Payload, &name) != nil {
			_ = r.Reply(false, nil)
			continue
		}
		_ = r.Reply(true, nil)
		work.Go(func() {
			defer channel.Close()
			code := execute(channel, name.Role)
			_, _ = channel.SendRequest("exit-status", false, xssh.Marshal(struct{ Code uint32 }{uint32(code)}))
		})
	}
}

func execute(channel xssh.Channel, role string) int {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	stdin, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return 1
	}
	go func() {
		defer stdin.Close()
		buffer := make([]byte, 32<<10)
		for {
			n, err := channel.Read(buffer)
			if err != nil {
				return
			}
			_, _ = stdin.Write(buffer[:n])
		}
	}()
	var exit *exec.ExitError
	if errors.As(cmd.Wait(), &exit) {
		return exit.ExitCode()
	}
	return 0
}

func TestGoServer_Works(t *testing.T) {
	t.Parallel()
	c := startGoServer(t)
	c.Subsystem = "peer"
	s := dial(t, c)
	hello(t, s)
	require.NoError(t, s.Close(ctx(t)))
}
