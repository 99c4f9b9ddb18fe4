package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func scan(text string) []string {
	var events []string
	scanEvents(strings.NewReader(text), func(e string) { events = append(events, e) })
	return events
}

func TestScanEvents(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"", "wake", "message"}, scan(": beat\n\nevent: wake\ndata: {}\n\ndata: x\ndata: y\n\n"))
	require.Equal(t, []string{"wake"}, scan("event:wake\r\ndata:{}\r\n\r\n"))
	require.Empty(t, scan("event: wake\ndata: {}"), "what the end cuts off is no event")
	require.Empty(t, scan("\n\n\nid: 4\nretry: 5\n\n"))
}

func FuzzScanEvents(f *testing.F) {
	f.Add("event: wake\ndata: {}\n\n: c\n")
	f.Add("\r\n:\n\ndata\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		require.LessOrEqual(t, len(scan(text)), strings.Count(text, "\n")+1)
	})
}
