package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/epo-dev/epo/internal/api"
)

// The colours of a terminal.
const (
	colourRed    = "31"
	colourGreen  = "32"
	colourYellow = "33"
	colourCyan   = "36"
	colourDim    = "2"
)

// paint colours text that goes to a terminal, where colour is wanted.
func (a *app) paint(terminal bool, colour, text string) string {
	if !terminal || colour == "" || text == "" || a.plain() {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// plain reports whether the terminal must get neither colour nor cursor movements (https://no-color.org, TERM=dumb).
func (a *app) plain() bool { return a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" }

// stateColour is the colour of a state of a run, target or attempt.
func stateColour(state string) string {
	switch state {
	case "succeeded", "active":
		return colourGreen
	case "failed", "partially_failed", "timed_out", "unknown", "expired", "revoked":
		return colourRed
	case "cancelled", "skipped":
		return colourYellow
	case "running", "claimed":
		return colourCyan
	}
	return ""
}

// plainText makes text safe for a terminal.
func plainText(s string) string { return api.PlainText(s) }

// dangerous reports whether a terminal would obey r.
func dangerous(r rune) bool { return api.Dangerous(r) }

// printJSON prints v as indented JSON.
func (a *app) printJSON(v any) error { return a.encode(v, "  ") }

// printLine prints v as one line of JSON.
func (a *app) printLine(v any) error { return a.encode(v, "") }

// encode prints JSON in which characters that a terminal would obey are escaped, which changes no value.
func (a *app) encode(v any, indent string) error {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	out := text.String()
	if strings.IndexFunc(out, dangerous) >= 0 {
		var safe strings.Builder
		for _, r := range out {
			if dangerous(r) { // all of them lie below U+10000 and inside strings
				fmt.Fprintf(&safe, `\u%04x`, r)
			} else {
				safe.WriteRune(r)
			}
		}
		out = safe.String()
	}
	_, err := io.WriteString(a.Out, out)
	return err
}

// list reads the rows of a view and shows them: as JSON just as the server sent them, else by show.
func list[T any](ctx context.Context, a *app, view string, q *api.Query, show func([]T) error) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	if a.output == "json" {
		rows, err := api.List[json.RawMessage](ctx, client, view, q)
		if err != nil {
			return err
		}
		return a.printJSON(rows)
	}
	rows, err := api.List[T](ctx, client, view, q)
	if err != nil {
		return err
	}
	return show(rows)
}

// part is a list of rows that belongs to a row.
type part struct {
	name string
	view string
	q    *api.Query
}

// printRow prints one row and what belongs to it as the server sent them, in one JSON object.
func (a *app) printRow(ctx context.Context, c *api.Client, view, id string, parts ...part) error {
	row, err := api.One[map[string]any](ctx, c, view, api.Where("id", id))
	if err != nil {
		return err
	}
	for _, p := range parts {
		rows, err := api.List[json.RawMessage](ctx, c, p.view, p.q)
		if err != nil {
			return err
		}
		row[p.name] = rows
	}
	return a.printJSON(row)
}

// table is rows of cells under a header.
type table struct {
	header []string
	rows   [][]cell
}

// cell is one text, with a colour for terminals.
type cell struct{ text, colour string }

func text(s string) cell { return cell{text: s} }

func number[N int | int64](n N) cell { return cell{text: fmt.Sprint(n)} }

func stateCell(s string) cell { return cell{text: s, colour: stateColour(s)} }

func (t *table) add(cells ...cell) { t.rows = append(t.rows, cells) }

// print writes the table in columns as wide as needed; empty says what to print when there is no row.
func (a *app) print(t table, empty string) error {
	if len(t.rows) == 0 {
		_, err := fmt.Fprintln(a.Err, empty)
		return err
	}
	header := make([]cell, len(t.header))
	for i, h := range t.header {
		header[i] = cell{h, colourDim}
	}
	rows := append([][]cell{header}, t.rows...)
	widths := make([]int, len(header))
	for _, row := range rows {
		for i := range row {
			row[i].text = oneLine(row[i].text)
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(a.line(row, widths) + "\n")
	}
	_, err := fmt.Fprint(a.Out, out.String())
	return err
}

func (a *app) line(row []cell, widths []int) string {
	var b strings.Builder
	for i, c := range row {
		b.WriteString(a.paint(a.OutTerminal, c.colour, c.text))
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// oneLine makes text fit for a cell.
func oneLine(s string) string {
	s = plainText(strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(s))
	if s == "" {
		return "-"
	}
	return s
}

// fields prints name and value pairs, one per line.
func (a *app) fields(pairs ...string) {
	width := 0
	for i := 0; i < len(pairs); i += 2 {
		width = max(width, len(pairs[i]))
	}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i] + strings.Repeat(" ", width-len(pairs[i]))
		fmt.Fprintf(a.Out, "%s  %s\n", a.paint(a.OutTerminal, colourDim, name), oneLine(pairs[i+1]))
	}
}

// ago says how long ago t was, in one unit.
func (a *app) ago(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "-"
	}
	d := a.Now().Sub(*t)
	switch {
	case d < time.Second:
		return "now"
	case d < time.Minute:
		return fmt.Sprintf("%ds ago", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm ago", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", d/time.Hour)
	}
	return fmt.Sprintf("%dd ago", d/(24*time.Hour))
}

// took says how long something lasted, or lasts by now.
func (a *app) took(from, to *time.Time) string {
	if from == nil {
		return "-"
	}
	end := a.Now()
	if to != nil {
		end = *to
	}
	d := end.Sub(*from)
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func orDash(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}
