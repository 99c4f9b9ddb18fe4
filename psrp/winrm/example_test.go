package winrm_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/winrm"
)

// A script is run on a Windows host, with a domain account over HTTPS.
func Example() {
	ctx := context.Background()
	transport, err := winrm.New(winrm.Config{
		URL:  "https://server.example",
		Auth: winrm.NTLM{User: `EXAMPLE\deploy`, Password: winrm.Password(os.Getenv("DEPLOY_PASSWORD"))},
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
	run, err := pool.Start(ctx, psrp.Script("Get-Service WinRM | Select-Object Status"))
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
