// Package web carries the console's built files and serves them. It owns the rules of the browser side: the content security
// policy, caching, and which addresses are pages. It knows nothing of the API and may be imported by the server only. The
// handler is safe for concurrent use; the files never change while it runs.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var dist embed.FS

//go:embed placeholder.html
var placeholder []byte

// Policy is the content security policy of each page: code and data from this server only, nothing inline, and no string
// that becomes code (trusted types).
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const (
	immutable  = "public, max-age=31536000, immutable"
	revalidate = "no-cache"
)

// asset is one file in the encodings that the build made of it; the empty encoding is always there.
type asset struct {
	contentType string
	cache       string
	bodies      map[string]body
}

// body is one encoding of a file. etag is quoted, and differs between encodings as RFC 9110 asks.
type body struct {
	data []byte
	etag string
}

// Handler returns the console. Hashed files are cached for good, all else is asked for again with its ETag; an unknown
// address without a file extension is a page of the console and gets index.html. Without a built console it serves a
// page that says so. It answers GET and HEAD only.
func Handler() (http.Handler, error) {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("open console files: %w", err)
	}
	return newHandler(root)
}

type handler struct {
	assets map[string]asset // by path without a leading slash
}

func newHandler(root fs.FS) (*handler, error) {
	h := &handler{assets: map[string]asset{}}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || encodingOf(name) != "" {
			return err
		}
		a, err := load(root, name)
		h.assets[name] = a
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read console files: %w", err)
	}
	if _, built := h.assets["index.html"]; !built {
		h.assets["index.html"] = asset{contentType: "text/html; charset=utf-8", cache: revalidate, bodies: map[string]body{"": newBody(placeholder)}}
	}
	return h, nil
}

func encodingOf(name string) string {
	switch path.Ext(name) {
	case ".br":
		return "br"
	case ".gz":
		return "gzip"
	}
	return ""
}

func load(root fs.FS, name string) (asset, error) {
	a := asset{contentType: contentType(name), cache: revalidate, bodies: map[string]body{}}
	if strings.HasPrefix(name, "assets/") {
		a.cache = immutable
	}
	for encoding, suffix := range map[string]string{"": "", "br": ".br", "gzip": ".gz"} {
		data, err := fs.ReadFile(root, name+suffix)
		if err == nil {
			a.bodies[encoding] = newBody(data)
		} else if encoding == "" {
			return asset{}, err
		}
	}
	return a, nil
}

func newBody(data []byte) body {
	sum := sha256.Sum256(data)
	return body{data: data, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// contentType does not ask the operating system, whose tables differ.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	setSecurityHeaders(w.Header())
	a, ok := h.find(r.URL.Path)
	if !ok {
		w.Header().Set("Cache-Control", revalidate)
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	a.serve(w, r)
}

func (h *handler) find(urlPath string) (asset, bool) {
	name := strings.TrimPrefix(path.Clean("/"+urlPath), "/")
	if a, ok := h.assets[name]; ok {
		return a, true
	}
	if strings.HasPrefix(name, "assets/") || path.Ext(name) != "" {
		return asset{}, false
	}
	a, ok := h.assets["index.html"]
	return a, ok
}

func setSecurityHeaders(header http.Header) {
	header.Set("Content-Security-Policy", Policy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	encoding := a.negotiate(r.Header.Get("Accept-Encoding"))
	b := a.bodies[encoding]
	header := w.Header()
	header.Set("Cache-Control", a.cache)
	header.Set("Content-Type", a.contentType)
	header.Set("ETag", b.etag)
	header.Add("Vary", "Accept-Encoding")
	if matches(r.Header.Get("If-None-Match"), b.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if encoding != "" {
		header.Set("Content-Encoding", encoding)
	}
	header.Set("Content-Length", strconv.Itoa(len(b.data)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_, _ = w.Write(b.data) // the client went away; nobody is left to tell
	}
}

// negotiate returns the smallest encoding that the client takes: br, gzip or none.
func (a asset) negotiate(accept string) string {
	for _, encoding := range []string{"br", "gzip"} {
		if _, ok := a.bodies[encoding]; ok && accepts(accept, encoding) {
			return encoding
		}
	}
	return ""
}

// accepts reads an Accept-Encoding header (RFC 9110 §12.5.3); an encoding with quality 0 is refused.
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		quality, given := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		value, err := strconv.ParseFloat(quality, 64)
		return !given || (err == nil && value > 0)
	}
	return false
}

func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		if candidate := strings.TrimPrefix(strings.TrimSpace(part), "W/"); candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}
