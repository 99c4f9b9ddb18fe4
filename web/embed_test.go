package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func built(t *testing.T) *handler {
	t.Helper()
	h, err := newHandler(fstest.MapFS{
		".gitkeep":                {},
		"index.html":              {Data: []byte("<!doctype html><title>EPO</title>")},
		"index.html.br":           {Data: []byte("br page")},
		"assets/main-abc.js":      {Data: []byte("console.log(1)")},
		"assets/main-abc.js.br":   {Data: []byte("br")},
		"assets/main-abc.js.gz":   {Data: []byte("gz")},
		"favicon.svg":             {Data: []byte("<svg/>")},
		"assets/style-abc.css":    {Data: []byte("a{}")},
		"assets/style-abc.css.gz": {Data: []byte("gz")},
	})
	require.NoError(t, err)
	return h
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	h := built(t)
	for _, tc := range []struct {
		path, contentType string
		status            int
	}{
		{"/", "text/html; charset=utf-8", 200},
		{"/runs/0199-some-id", "text/html; charset=utf-8", 200},
		{"/runs?state=failed", "text/html; charset=utf-8", 200},
		{"/index.html", "text/html; charset=utf-8", 200},
		{"/assets/main-abc.js", "text/javascript; charset=utf-8", 200},
		{"/assets/style-abc.css", "text/css; charset=utf-8", 200},
		{"/favicon.svg", "image/svg+xml", 200},
		{"/assets/gone-xyz.js", "text/plain; charset=utf-8", 404},
		{"/assets/gone", "text/plain; charset=utf-8", 404},
		{"/robots.txt", "text/plain; charset=utf-8", 404},
		{"/.gitkeep", "text/plain; charset=utf-8", 404},
		{"/../embed.go", "text/plain; charset=utf-8", 404},
	} {
		w := get(h, tc.path)
		require.Equal(t, tc.status, w.Code, tc.path)
		require.Equal(t, tc.contentType, w.Header().Get("Content-Type"), tc.path)
	}
}

func TestHashedFilesAreCachedForGood(t *testing.T) {
	t.Parallel()
	h := built(t)
	require.Equal(t, immutable, get(h, "/assets/main-abc.js").Header().Get("Cache-Control"))
	require.Equal(t, revalidate, get(h, "/").Header().Get("Cache-Control"))
	require.Equal(t, revalidate, get(h, "/assets/gone-xyz.js").Header().Get("Cache-Control"), "a missing file must not stay missing")
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	h := built(t)
	for _, tc := range []struct{ path, accept, encoding, body string }{
		{"/assets/main-abc.js", "gzip, deflate, br", "br", "br"},
		{"/assets/main-abc.js", "gzip", "gzip", "gz"},
		{"/assets/main-abc.js", "br;q=0, gzip;q=0.5", "gzip", "gz"},
		{"/assets/main-abc.js", "identity", "", "console.log(1)"},
		{"/assets/main-abc.js", "", "", "console.log(1)"},
		{"/assets/style-abc.css", "br, gzip", "gzip", "gz"},
		{"/favicon.svg", "br, gzip", "", "<svg/>"},
		{"/agents", "br", "br", "br page"},
	} {
		w := get(h, tc.path, "Accept-Encoding", tc.accept)
		require.Equal(t, tc.encoding, w.Header().Get("Content-Encoding"), tc)
		require.Equal(t, tc.body, w.Body.String(), tc)
		require.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
	}
}

func TestETag(t *testing.T) {
	t.Parallel()
	h := built(t)
	plain := get(h, "/").Header().Get("ETag")
	packed := get(h, "/", "Accept-Encoding", "br").Header().Get("ETag")
	require.NotEqual(t, plain, packed)
	require.Equal(t, http.StatusNotModified, get(h, "/", "If-None-Match", plain).Code)
	require.Equal(t, http.StatusNotModified, get(h, "/", "If-None-Match", `"other", W/`+plain).Code)
	require.Equal(t, http.StatusOK, get(h, "/", "If-None-Match", packed).Code)
	require.Empty(t, get(h, "/", "If-None-Match", plain).Body.String())
}

// Each rule of the policy is a wall against script in names and output; a test that lists them all makes a loosened one visible.
func TestEveryAnswerCarriesThePolicy(t *testing.T) {
	t.Parallel()
	h := built(t)
	for _, path := range []string{"/", "/assets/main-abc.js", "/runs/1", "/assets/gone-xyz.js"} {
		header := get(h, path).Header()
		require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "+
			"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
			header.Get("Content-Security-Policy"), path)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "DENY", header.Get("X-Frame-Options"))
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
		require.Equal(t, "same-origin", header.Get("Cross-Origin-Opener-Policy"))
	}
}

func TestOnlyReading(t *testing.T) {
	t.Parallel()
	h := built(t)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Empty(t, w.Body.String())
	require.NotEmpty(t, w.Header().Get("Content-Length"))
}

func TestWithoutABuiltConsole(t *testing.T) {
	t.Parallel()
	h, err := newHandler(fstest.MapFS{".gitkeep": {}})
	require.NoError(t, err)
	w := get(h, "/runs")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "was not built")
}

func TestEmbeddedFilesLoad(t *testing.T) {
	t.Parallel()
	h, err := Handler()
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, get(h, "/").Code)
}
