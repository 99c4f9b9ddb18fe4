package psrp_test

import (
	"context"
	"fmt"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// A pipeline of two commands: what `Get-ChildItem -Path /tmp -Force |
// Select-Object -First 3` says, without any quoting. Parameters are typed
// values, so nothing in them is ever taken for script text.
func ExamplePipeline() {
	p := psrp.Pipeline{Commands: []psrp.Command{
		{Text: "Get-ChildItem", Parameters: []psrp.Parameter{{Name: "Path", Value: "/tmp"}, {Name: "Force", Value: true}}},
		{Text: "Select-Object", Parameters: []psrp.Parameter{{Name: "First", Value: 3}}},
	}}
	fmt.Println(len(p.Commands), p.Input == nil)
	// Output: 2 true
}

// A handler that answers the prompts of a script; everything else is left to
// the unattended host.
func ExampleHostHandlerFunc() {
	handler := psrp.HostHandlerFunc(func(ctx context.Context, call psrp.HostCall) (any, error) {
		if call.Method == psrp.HostPromptForChoice {
			return int32(0), nil // the first choice
		}
		return psrp.Unattended{}.AnswerHostCall(ctx, call)
	})
	fmt.Println(handler(context.Background(), psrp.HostCall{Method: psrp.HostPromptForChoice}))
	fmt.Println(handler(context.Background(), psrp.HostCall{Method: psrp.HostReadLine}))
	// Output:
	// 0 <nil>
	// <nil> ReadLine is not possible: nobody is there to answer
}

// Objects can be cut and put together without any pool.
func ExampleDefragmenter() {
	body, _ := clixml.Encode("hello")
	message := psrp.AppendMessage(nil, psrp.Message{Destination: psrp.ToClient, Type: psrp.MsgPipelineOutput, Body: body})
	var d psrp.Defragmenter
	for _, fragment := range psrp.Split(1, message, 40) {
		err := d.Feed(fragment, func(object []byte) error {
			m, err := psrp.ParseMessage(object)
			fmt.Println(m.Type, string(m.Body))
			return err
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output: 0x00041004 <S>hello</S>
}
