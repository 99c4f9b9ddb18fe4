package winrm_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm"
	"github.com/epo-dev/epo/psrp/winrm/winrmtest"
)

// A script is run on a Windows host, with a domain account. On plain HTTP every
// body is sealed; with https:// the server's certificate is verified.
func Example() {
	ctx := context.Background()
	address, stop := exampleServer() // as "http://server.example"
	defer stop()
	transport, err := winrm.New(winrm.Config{
		URL:  address,
		Auth: winrm.NTLM{User: `EXAMPLE\deploy`, Password: "correct horse"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pool, err := psrp.Open(ctx, transport, psrp.Config{})
	var refused *winrm.AuthError
	if errors.As(err, &refused) {
		fmt.Println("wrong name or password; the server offers", refused.Offers)
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = pool.Close(ctx) }()
	run, err := pool.Start(ctx, psrp.Script("'one', 'two' | ForEach-Object ToUpper"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = run.Close(ctx) }()
	for event, err := range run.Events(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if output, ok := event.(psrp.OutputEvent); ok {
			fmt.Println(output.Value)
		}
	}
	// Output:
	// ONE
	// TWO
}

// exampleServer stands for a Windows host.
func exampleServer() (address string, stop func()) {
	found, err := foundEngine()
	if err != nil {
		panic(err)
	}
	s := winrmtest.NewServer(winrmtest.Config{
		Engine: winrmtest.PowerShell(append([]string{found.Path}, found.Args...)),
		NTLM:   &winrmtest.Account{Domain: "EXAMPLE", User: "deploy", Password: "correct horse"},
	})
	return s.URL(), s.Close
}

// Authentication that needs TLS is refused before anything is sent.
func ExampleBasic() {
	_, err := winrm.New(winrm.Config{
		URL:  "http://server.example",
		Auth: winrm.Basic{User: "administrator", Password: "…"},
	})
	fmt.Println(err)
	fmt.Println(errors.Is(err, winrm.ErrPlainHTTP))
	// Output:
	// winrm: needs an https:// address
	// true
}
