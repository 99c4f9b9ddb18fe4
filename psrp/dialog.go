package psrp

import (
	"context"
	"fmt"

	"github.com/epo-dev/epo/psrp/clixml"
)

// A Dialog is a [HostHandler] made of functions for the questions that scripts
// ask. What it has no function for goes to Otherwise.
//
// Questions come from a script of another machine. Whoever shows them to a
// person should say so: a script can ask for a password in the name of anybody.
type Dialog struct {
	// ReadLine answers Host.UI.ReadLine. Read-Host with a prompt is a Prompt.
	ReadLine func(ctx context.Context) (string, error)
	// ReadSecret answers Host.UI.ReadLineAsSecureString.
	ReadSecret func(ctx context.Context) (Secret, error)
	// Prompt asks for several values: Read-Host, and parameters that are missing.
	// The answer has a value for each field that is to have one.
	Prompt func(ctx context.Context, q PromptQuestion) (map[string]any, error)
	// Credential answers Get-Credential.
	Credential func(ctx context.Context, q CredentialQuestion) (Credential, error)
	// Choice picks one of several answers by index.
	Choice func(ctx context.Context, q ChoiceQuestion) (int, error)
	// Choices picks any number of them.
	Choices func(ctx context.Context, q ChoiceQuestion) ([]int, error)
	// ReadKey answers Host.UI.RawUI.ReadKey.
	ReadKey func(ctx context.Context, options int) (Key, error)

	Otherwise HostHandler // nil: Unattended
}

// A PromptQuestion asks for values by name.
type PromptQuestion struct {
	Caption, Message string
	Fields           []PromptField
}

// A PromptField is one value that is asked for. Fields of the types SecureString
// and PSCredential want a [Secret] and a [Credential].
type PromptField struct {
	Name, Label string
	Type        string // full name, such as System.String
	Help        string
	Mandatory   bool
	Default     any
}

// A CredentialQuestion asks for a name and a password.
type CredentialQuestion struct {
	Caption, Message string
	UserName, Target string // proposed; may be empty
}

// A ChoiceQuestion asks to choose.
type ChoiceQuestion struct {
	Caption, Message string
	Choices          []Choice
	Default          []int // indices; empty without a default
}

// A Choice is one of several. An & in the label marks its hot key.
type Choice struct{ Label, Help string }

// A Key is a key that was pressed.
type Key struct {
	VirtualKeyCode  int32
	Character       rune // of the basic plane
	ControlKeyState int32
	Down            bool
}

// AnswerHostCall implements HostHandler.
func (d Dialog) AnswerHostCall(ctx context.Context, c HostCall) (any, error) {
	switch {
	case c.Method == HostReadLine && d.ReadLine != nil:
		return answered(d.ReadLine(ctx))
	case c.Method == HostReadLineAsSecureString && d.ReadSecret != nil:
		return answered(d.ReadSecret(ctx))
	case c.Method == HostPrompt && d.Prompt != nil:
		return d.prompt(ctx, c)
	case (c.Method == HostPromptForCredential1 || c.Method == HostPromptForCredential2) && d.Credential != nil:
		return answered(d.Credential(ctx, CredentialQuestion{
			Caption: c.text(0), Message: c.text(1), UserName: c.text(2), Target: c.text(3),
		}))
	case c.Method == HostPromptForChoice && d.Choice != nil:
		return d.choice(ctx, c)
	case c.Method == HostPromptForChoiceMultipleSelection && d.Choices != nil:
		return d.choices(ctx, c)
	case c.Method == HostReadKey && d.ReadKey != nil:
		key, err := d.ReadKey(ctx, int(int32Of(c.arg(0))))
		return key.encode(), err
	case d.Otherwise != nil:
		return d.Otherwise.AnswerHostCall(ctx, c)
	}
	return Unattended{}.AnswerHostCall(ctx, c)
}

func answered[T any](v T, err error) (any, error) { return v, err }

func (c HostCall) arg(i int) any {
	if i < len(c.Args) {
		return c.Args[i]
	}
	return nil
}

func (c HostCall) text(i int) string { return textOf(c.arg(i)) }

// prompt asks for fields and checks that the mandatory ones were answered: the
// engine would fail with an error that says nothing.
func (d Dialog) prompt(ctx context.Context, c HostCall) (any, error) {
	q := PromptQuestion{Caption: c.text(0), Message: c.text(1)}
	for _, v := range itemsOf(c.arg(2)) {
		q.Fields = append(q.Fields, decodeField(v))
	}
	answers, err := d.Prompt(ctx, q)
	if err != nil {
		return nil, err
	}
	entries := make([]clixml.Entry, 0, len(q.Fields))
	for _, f := range q.Fields {
		v, ok := answers[f.Name]
		if !ok && f.Mandatory {
			return nil, fmt.Errorf("no answer for %q", f.Name)
		}
		if ok {
			entries = append(entries, clixml.Entry{Key: f.Name, Value: v})
		}
	}
	return clixml.NewHashtable(entries...), nil
}

func decodeField(v any) PromptField {
	return PromptField{
		Name:      textOf(member(v, "name")),
		Label:     textOf(member(v, "label")),
		Type:      textOf(member(v, "parameterTypeFullName")),
		Help:      textOf(member(v, "helpMessage")),
		Mandatory: boolOf(member(v, "isMandatory")),
		Default:   member(v, "defaultValue"),
	}
}

func decodeChoices(c HostCall) ChoiceQuestion {
	q := ChoiceQuestion{Caption: c.text(0), Message: c.text(1)}
	for _, v := range itemsOf(c.arg(2)) {
		q.Choices = append(q.Choices, Choice{Label: textOf(member(v, "label")), Help: textOf(member(v, "helpMessage"))})
	}
	defaults := itemsOf(c.arg(3))
	if n, ok := intOf(c.arg(3)); ok {
		defaults = []any{n}
	}
	for _, v := range defaults {
		if n, ok := intOf(v); ok && n >= 0 {
			q.Default = append(q.Default, int(n))
		}
	}
	return q
}

func (d Dialog) choice(ctx context.Context, c HostCall) (any, error) {
	q := decodeChoices(c)
	n, err := d.Choice(ctx, q)
	if err != nil {
		return nil, err
	}
	return q.index(n)
}

func (d Dialog) choices(ctx context.Context, c HostCall) (any, error) {
	q := decodeChoices(c)
	picked, err := d.Choices(ctx, q)
	if err != nil {
		return nil, err
	}
	items := make([]any, len(picked))
	for i, n := range picked {
		if items[i], err = q.index(n); err != nil {
			return nil, err
		}
	}
	return clixml.NewArrayList(items...), nil
}

func (q ChoiceQuestion) index(n int) (any, error) {
	if n < 0 || n >= len(q.Choices) {
		return nil, fmt.Errorf("answer %d is not one of %d choices", n, len(q.Choices))
	}
	return int32(n), nil
}

// encode makes a KeyInfo, [MS-PSRP] 2.2.3.26.
func (k Key) encode() *clixml.Object {
	return clixml.NewBag(
		clixml.Property{Name: "virtualKeyCode", Value: k.VirtualKeyCode},
		clixml.Property{Name: "character", Value: clixml.Char(uint16(k.Character))},
		clixml.Property{Name: "controlKeyState", Value: k.ControlKeyState},
		clixml.Property{Name: "keyDown", Value: k.Down},
	)
}
