package executor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/epo-dev/epo/psrp"
)

// parseCommands reads a script that consists of plain commands: one statement a
// line or between semicolons, each a pipeline of commands with parameters,
// switches and literal values (words, numbers, 'text', "text" without
// variables, $true, $false, $null, lists with commas). Anything else is an
// error with its line. The parameters of the run go to the first command, and
// there must be one statement only then.
func parseCommands(script string, parameters []psrp.Parameter) ([][]psrp.Command, error) {
	p := commandParser{rest: script, line: 1}
	var statements [][]psrp.Command
	for {
		statement, err := p.statement()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", p.line, err)
		}
		if len(statement) > 0 {
			statements = append(statements, statement)
		}
		if p.rest == "" {
			break
		}
	}
	switch {
	case len(statements) == 0:
		return nil, errors.New("the script has no command")
	case len(parameters) > 0 && len(statements) > 1:
		return nil, errors.New("a run with parameters needs a script of one statement, whose first command gets them")
	}
	statements[0][0].Parameters = append(statements[0][0].Parameters, parameters...)
	return statements, nil
}

type commandParser struct {
	rest string
	line int
}

// statement reads up to the end of a line or a semicolon.
func (p *commandParser) statement() ([]psrp.Command, error) {
	var pipeline []psrp.Command
	for {
		command, err := p.command(len(pipeline) > 0)
		if err != nil {
			return nil, err
		}
		if command.Text == "" {
			p.endStatement()
			return nil, nil
		}
		pipeline = append(pipeline, command)
		if !strings.HasPrefix(p.rest, "|") {
			p.endStatement()
			return pipeline, nil
		}
		p.rest = p.rest[1:]
		if strings.HasPrefix(p.rest, "|") {
			return nil, errNotPlain("||")
		}
	}
}

func (p *commandParser) endStatement() {
	if p.rest == "" {
		return
	}
	if p.rest[0] == '\n' {
		p.line++
	}
	p.rest = p.rest[1:]
}

// skip passes over blanks and comments; over ends of lines only where a command
// must follow.
func (p *commandParser) skip(lines bool) {
	for p.rest != "" {
		switch c := p.rest[0]; {
		case c == ' ' || c == '\t' || c == '\r':
			p.rest = p.rest[1:]
		case c == '\n' && lines:
			p.line++
			p.rest = p.rest[1:]
		case c == '#':
			end := strings.IndexByte(p.rest, '\n')
			if end < 0 {
				end = len(p.rest)
			}
			p.rest = p.rest[end:]
		case strings.HasPrefix(p.rest, "`\n") || strings.HasPrefix(p.rest, "`\r\n"):
			p.line++
			p.rest = p.rest[strings.IndexByte(p.rest, '\n')+1:]
		default:
			return
		}
	}
}

// command reads a name and its arguments. No name means an empty statement.
func (p *commandParser) command(needed bool) (psrp.Command, error) {
	p.skip(needed)
	if p.ended() || strings.HasPrefix(p.rest, "|") {
		if needed || strings.HasPrefix(p.rest, "|") {
			return psrp.Command{}, errors.New("a command is missing before or after |")
		}
		return psrp.Command{}, nil
	}
	name := p.word()
	if name == "" || !plainName(name) {
		return psrp.Command{}, errNotPlain(firstWord(name + p.rest))
	}
	command := psrp.Command{Text: name}
	for {
		p.skip(false)
		if p.ended() || p.rest[0] == '|' {
			return command, nil
		}
		parameter, err := p.argument()
		if err != nil {
			return command, err
		}
		command.Parameters = append(command.Parameters, parameter)
	}
}

func (p *commandParser) ended() bool {
	return p.rest == "" || p.rest[0] == '\n' || p.rest[0] == ';'
}

// argument reads -Name value, -Name:value, a switch or a value by position.
func (p *commandParser) argument() (psrp.Parameter, error) {
	if len(p.rest) < 2 || p.rest[0] != '-' || !unicode.IsLetter(rune(p.rest[1])) {
		value, err := p.list()
		return psrp.Parameter{Value: value}, err
	}
	word := p.word()
	name, _, colon := strings.Cut(word[1:], ":")
	if !plainName(name) {
		return psrp.Parameter{}, errNotPlain(word)
	}
	if colon {
		p.rest = word[len(name)+2:] + p.rest
	}
	p.skip(false)
	if !colon && (p.ended() || p.rest[0] == '|' || len(p.rest) > 1 && p.rest[0] == '-' && unicode.IsLetter(rune(p.rest[1]))) {
		return psrp.Parameter{Name: name, Value: true}, nil
	}
	value, err := p.list()
	return psrp.Parameter{Name: name, Value: value}, err
}

// list reads values between commas; one alone is no list.
func (p *commandParser) list() (any, error) {
	var items []any
	for {
		value, err := p.value()
		if err != nil {
			return nil, err
		}
		items = append(items, value)
		p.skip(false)
		if !strings.HasPrefix(p.rest, ",") {
			break
		}
		p.rest = p.rest[1:]
		p.skip(false)
	}
	if len(items) == 1 {
		return items[0], nil
	}
	return items, nil
}

func (p *commandParser) value() (any, error) {
	if p.rest == "" {
		return nil, errors.New("a value is missing")
	}
	switch p.rest[0] {
	case '\'':
		return p.quoted('\'')
	case '"':
		text, err := p.quoted('"')
		if err == nil && strings.ContainsAny(text, "$`") {
			return nil, errors.New(`a text in "" must not have variables or escapes; write '…'`)
		}
		return text, err
	}
	word := p.word()
	switch strings.ToLower(word) {
	case "$true":
		return true, nil
	case "$false":
		return false, nil
	case "$null":
		return nil, nil
	}
	if word == "" || strings.ContainsAny(word, "$`(){}@<>&'\"") {
		return nil, errNotPlain(firstWord(word + p.rest))
	}
	if n, err := strconv.ParseInt(word, 10, 32); err == nil {
		return int32(n), nil
	}
	return word, nil
}

// quoted reads a text; a doubled quote is one.
func (p *commandParser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == quote && i+1 < len(p.rest) && p.rest[i+1] == quote:
			b.WriteByte(quote)
			i++
		case c == quote:
			p.rest = p.rest[i+1:]
			return b.String(), nil
		default:
			if c == '\n' {
				p.line++
			}
			b.WriteByte(c)
		}
	}
	return "", errors.New("a text has no end")
}

// word reads up to a blank, a comma or the end of a command.
func (p *commandParser) word() string {
	end := strings.IndexAny(p.rest, " \t\r\n;|,")
	if end < 0 {
		end = len(p.rest)
	}
	word := p.rest[:end]
	p.rest = p.rest[end:]
	return word
}

// plainName tells whether a word is the name of a command or parameter.
func plainName(s string) bool {
	if s == "" || !unicode.IsLetter([]rune(s)[0]) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(`-_.\`, r)
	}) && !keywords[strings.ToLower(s)]
}

var keywords = map[string]bool{
	"begin": true, "break": true, "catch": true, "class": true, "continue": true, "data": true, "do": true, "dynamicparam": true,
	"else": true, "end": true, "enum": true, "exit": true, "filter": true, "finally": true, "for": true, "foreach": true,
	"function": true, "if": true, "in": true, "param": true, "process": true, "return": true, "switch": true, "throw": true,
	"trap": true, "try": true, "until": true, "using": true, "while": true,
}

func firstWord(s string) string {
	if fields := strings.Fields(s); len(fields) > 0 {
		return fields[0]
	}
	return s
}

func errNotPlain(what string) error { return fmt.Errorf("%q is not a plain command or value", what) }
