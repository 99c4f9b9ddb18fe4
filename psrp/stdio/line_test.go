package stdio_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/stdio"
)

const someGUID = "76056a84-51dc-4f24-9262-ca2a55464b2b"

func TestCheck34_Lines(t *testing.T) {
	t.Parallel()
	data := "<Data Stream='Default' PSGuid='" + someGUID + "'>aGk=</Data>"
	for name, c := range map[string]struct {
		line  string
		kind  stdio.Kind // "" for noise
		noise string
		bad   bool
	}{
		"data":                  {line: data + "\n", kind: stdio.Data},
		"CRLF":                  {line: data + "\r\n", kind: stdio.Data},
		"double quotes":         {line: strings.ReplaceAll(data, "'", `"`), kind: stdio.Data},
		"ack":                   {line: "<DataAck PSGuid='" + someGUID + "' />", kind: stdio.DataAck},
		"no space, braces":      {line: "<CloseAck PSGuid='{" + strings.ToUpper(someGUID) + "}'/>", kind: stdio.CloseAck},
		"empty element":         {line: "<SignalAck PSGuid='" + someGUID + "'></SignalAck>", kind: stdio.SignalAck},
		"glued":                 {line: "text" + data, kind: stdio.Data, noise: "text"},
		"glued markup":          {line: "a < b <html>" + data, kind: stdio.Data, noise: "a < b <html>"},
		"garbage":               {line: "hello", noise: "hello"},
		"NUL bytes":             {line: "\x00\x00<\x00", noise: "\x00\x00<\x00"},
		"unknown element":       {line: "<Hello PSGuid='" + someGUID + "' />", noise: "<Hello PSGuid='" + someGUID + "' />"},
		"comment":               {line: "<!-- x -->", noise: "<!-- x -->"},
		"longer name":           {line: "<DataX />", noise: "<DataX />"},
		"blank":                 {line: "\n"},
		"no attributes":         {line: "<Data>aGk=</Data>", bad: true},
		"no stream":             {line: "<Data PSGuid='" + someGUID + "'>aGk=</Data>", bad: true},
		"no guid":               {line: "<Data Stream='Default'>aGk=</Data>", bad: true},
		"third attribute":       {line: strings.Replace(data, "Stream", "X='1' Stream", 1), bad: true},
		"attribute twice":       {line: strings.Replace(data, "Stream", "Stream='Default' Stream", 1), bad: true},
		"stream on an ack":      {line: "<DataAck Stream='Default' PSGuid='" + someGUID + "' />", bad: true},
		"unknown stream":        {line: strings.Replace(data, "Default", "Other", 1), bad: true},
		"wrong guid":            {line: strings.Replace(data, "76", "zz", 1), bad: true},
		"short guid":            {line: strings.Replace(data, "76056a84-", "", 1), bad: true},
		"bad base64":            {line: strings.Replace(data, "aGk=", "a*k=", 1), bad: true},
		"no text":               {line: strings.Replace(data, "aGk=", "", 1), bad: true},
		"empty data":            {line: "<Data Stream='Default' PSGuid='" + someGUID + "' />", bad: true},
		"no end":                {line: data[:len(data)-3], bad: true},
		"no quote":              {line: "<DataAck PSGuid=" + someGUID + " />", bad: true},
		"quote open":            {line: "<DataAck PSGuid='" + someGUID, bad: true},
		"attribute cut":         {line: "<DataAck PSGuid", bad: true},
		"name cut":              {line: "<DataAck ", noise: "<DataAck"},
		"content in an ack":     {line: "<DataAck PSGuid='" + someGUID + "'>x</DataAck>", bad: true},
		"two on a line":         {line: data + data, bad: true},
		"split by another text": {line: strings.Replace(data, "aGk=", "aG\nk*", 1), bad: true},
	} {
		l, noise, ok, err := stdio.ParseLine([]byte(c.line))
		require.Equal(t, c.bad, err != nil, name)
		if err != nil {
			var protocol *psrp.ProtocolError
			require.ErrorAs(t, err, &protocol, name)
			continue
		}
		require.Equal(t, c.kind != "", ok, name)
		require.Equal(t, c.noise, string(noise), name)
		require.Equal(t, c.kind, l.Kind, name)
		if ok {
			require.Equal(t, someGUID, l.Target.String(), name)
		}
	}
}

// connect gives a connection on pipes and the far ends of it.
func connect(t *testing.T, noise func([]byte)) (*stdio.Conn, *io.PipeReader, *io.PipeWriter) {
	t.Helper()
	inRead, inWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	conn := stdio.NewConn(stdio.ConnConfig{In: inWrite, Out: outRead, Noise: noise})
	t.Cleanup(func() {
		_ = outWrite.Close()
		conn.Close()
		<-conn.Done()
	})
	go func() { _, _ = io.Copy(io.Discard, inRead) }()
	return conn, inRead, outWrite
}

// line is what is to be received of one write to the far end.
func TestCheck34_Streams(t *testing.T) {
	t.Parallel()
	packet := string(stdio.AppendLine(nil, stdio.Line{Kind: stdio.Data, Data: []byte("packet")}))
	long := "<Data Stream='Default' PSGuid='" + someGUID + "'>" + strings.Repeat("AAAA", 25<<20)
	for name, c := range map[string]struct {
		text    string
		packets int
		err     error // nil: a protocol error
	}{
		"only noise":                {text: "banner\n", err: stdio.ErrNoise},
		"nothing":                   {text: "", err: io.ErrUnexpectedEOF},
		"noise, then packets":       {text: "banner\n\nmore\n" + packet, packets: 1, err: io.ErrUnexpectedEOF},
		"noise between":             {text: packet + strings.Repeat("noise\n", 50_000) + "glued" + packet, packets: 2, err: io.ErrUnexpectedEOF},
		"much noise first":          {text: strings.Repeat("noise\n", 50_000) + packet, err: stdio.ErrNoise},
		"bad first":                 {text: "<Data bad\n" + packet},
		"bad later":                 {text: packet + "<DataAck bad='x' />\n" + packet, packets: 1},
		"bad base64 later":          {text: packet + strings.Replace(packet, "cGFja2V0", "cGF\x00ja2V0", 1), packets: 1},
		"100 MB packet":             {text: packet + long + "</Data>\n" + packet, packets: 1},
		"100 MB without line end":   {text: strings.Repeat("x", 100<<20)},
		"unfinished last line":      {text: packet + packet[:20], packets: 1, err: io.ErrUnexpectedEOF},
		"forged acks":               {text: packet + "<DataAck PSGuid='" + someGUID + "' />\n<CloseAck PSGuid='00000000-0000-0000-0000-000000000000' />\n" + packet, packets: 2, err: io.ErrUnexpectedEOF},
		"NUL bytes before a packet": {text: packet + strings.Repeat("\x00", 1000) + packet, packets: 2, err: io.ErrUnexpectedEOF},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, _, out := connect(t, nil)
			transport := conn.Transport()
			go func() {
				_, _ = io.WriteString(out, c.text)
				_ = out.Close()
			}()
			packets := 0
			for {
				p, err := transport.Receive()
				if err == nil {
					require.Equal(t, "packet", string(p.Data))
					packets++
					continue
				}
				var protocol *psrp.ProtocolError
				if c.err != nil {
					require.ErrorIs(t, err, c.err)
				} else {
					require.ErrorAs(t, err, &protocol)
				}
				break
			}
			require.Equal(t, c.packets, packets)
			require.NoError(t, transport.Close())
		})
	}
}

func TestConn_WriteThatFailsEndsTheConnection(t *testing.T) {
	t.Parallel()
	conn, in, _ := connect(t, nil)
	broken := errors.New("pipe burst")
	require.NoError(t, in.CloseWithError(broken))
	_, err := psrp.Open(ctx(t), conn.Transport(), psrp.Config{})
	require.ErrorIs(t, err, broken)
}

func TestConn_SendWaitsForTheAckOfTheOneBefore(t *testing.T) {
	t.Parallel()
	inRead, inWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	conn := stdio.NewConn(stdio.ConnConfig{In: inWrite, Out: outRead})
	transport := conn.Transport()
	received := make(chan error, 1)
	go func() {
		_, err := transport.Receive()
		received <- err
	}()
	sent := make(chan error, 2)
	lines := make(chan string)
	go func() {
		var buffer bytes.Buffer
		one := make([]byte, 1)
		for {
			if _, err := inRead.Read(one); err != nil {
				close(lines)
				return
			}
			if buffer.WriteByte(one[0]); one[0] == '\n' {
				lines <- buffer.String()
				buffer.Reset()
			}
		}
	}()
	go func() { sent <- transport.OpenPool(ctx(t), []byte("first")) }()
	require.Contains(t, <-lines, "Zmlyc3Q=")
	go func() { sent <- transport.Send(ctx(t), psrp.GUID{}, psrp.Default, []byte("second")) }()
	select {
	case l := <-lines:
		require.Fail(t, "second Data before the ack of the first", l)
	default:
	}
	_, _ = outWrite.Write(stdio.AppendLine(nil, stdio.Line{Kind: stdio.DataAck}))
	require.NoError(t, <-sent)
	require.Contains(t, <-lines, "c2Vjb25k")
	_, _ = outWrite.Write(stdio.AppendLine(nil, stdio.Line{Kind: stdio.DataAck}))
	require.NoError(t, <-sent)
	_ = outWrite.Close()
	require.Error(t, <-received)
	_ = transport.Close()
	<-lines
}

func FuzzParseLine(f *testing.F) {
	for _, seed := range []string{
		"<Data Stream='Default' PSGuid='" + someGUID + "'>aGk=</Data>",
		`<Data PSGuid="` + someGUID + `" Stream="PromptResponse">aGk=</Data>`,
		"<DataAck PSGuid='" + someGUID + "' />", "noise<CloseAck PSGuid='" + someGUID + "'/>",
		"<Data Stream='Default' PSGuid='x'>", "<Data \x00", "<<<<", "<Data Data Data='",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		l, noise, ok, err := stdio.ParseLine(line)
		if err != nil || !ok {
			return
		}
		require.LessOrEqual(t, len(noise), len(line))
		again, noise, ok, err := stdio.ParseLine(stdio.AppendLine(nil, l))
		require.NoError(t, err)
		require.True(t, ok)
		require.Empty(t, noise)
		require.Equal(t, l, again)
	})
}

// FuzzConn reads any bytes as the output of an engine.
func FuzzConn(f *testing.F) {
	packet := stdio.AppendLine(nil, stdio.Line{Kind: stdio.Data, Data: []byte("packet")})
	f.Add(packet)
	f.Add(append([]byte("noise\n"), packet...))
	f.Add(append(bytes.Clone(packet), "<Data x"...))
	f.Add([]byte("<CloseAck PSGuid='00000000-0000-0000-0000-000000000000' />\n\n\n<DataAck />\n"))
	f.Fuzz(func(t *testing.T, out []byte) {
		_, in := io.Pipe()
		conn := stdio.NewConn(stdio.ConnConfig{In: in, Out: bytes.NewReader(out)})
		transport := conn.Transport()
		for {
			if _, err := transport.Receive(); err != nil {
				require.NotErrorIs(t, err, io.EOF, "no pool was closed")
				break
			}
		}
		_ = transport.Close()
		conn.Close()
	})
}
