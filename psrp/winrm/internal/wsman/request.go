package wsman

import (
	"strconv"
	"time"
)

// A Request is one request to a service.
type Request struct {
	Action      string
	To          string // the address of the service
	ResourceURI string
	MessageID   string // GUID in upper case, new for each request
	SessionID   string // GUID in upper case, the same for all requests of a client
	Locale      string // as "en-US"

	MaxEnvelopeSize  int           // bytes the answer may have
	OperationTimeout time.Duration // after which the service answers TimedOut

	Options   []Option
	Selectors []Selector
	Body      Body // nil: empty
}

// An Option is one element of the OptionSet.
type Option struct {
	Name, Value string
	MustComply  bool
}

// A Selector is one element of the SelectorSet: together they name an instance
// of the resource.
type Selector struct{ Name, Value string }

// A Body is the content of a request.
type Body interface{ write(w *writer) }

// Append writes a request as one envelope.
func Append(dst []byte, r Request) []byte {
	w := &writer{b: dst}
	w.open("s:Envelope",
		attr{"xmlns:s", nsSOAP}, attr{"xmlns:wsa", nsAddressing}, attr{"xmlns:wsman", nsWSMan},
		attr{"xmlns:wsmv", nsMicrosoft}, attr{"xmlns:rsp", nsShell})
	w.open("s:Header")
	r.writeHeader(w)
	r.writeSets(w)
	w.close("s:Header")
	if r.Body == nil {
		w.empty("s:Body")
	} else {
		w.open("s:Body")
		r.Body.write(w)
		w.close("s:Body")
	}
	w.close("s:Envelope")
	return w.b
}

func (r Request) writeHeader(w *writer) {
	must, may := attr{"s:mustUnderstand", "true"}, attr{"s:mustUnderstand", "false"}
	locale := attr{"xml:lang", r.Locale}
	w.element("wsa:Action", r.Action, must)
	w.empty("wsmv:DataLocale", may, locale)
	w.empty("wsman:Locale", may, locale)
	w.element("wsman:MaxEnvelopeSize", strconv.Itoa(r.MaxEnvelopeSize), must)
	w.element("wsa:MessageID", "uuid:"+r.MessageID)
	w.element("wsman:OperationTimeout", duration(r.OperationTimeout))
	w.open("wsa:ReplyTo")
	w.element("wsa:Address", anonymous, must)
	w.close("wsa:ReplyTo")
	w.element("wsman:ResourceURI", r.ResourceURI, must)
	w.element("wsmv:SessionId", "uuid:"+r.SessionID, may)
	w.element("wsa:To", r.To)
}

func (r Request) writeSets(w *writer) {
	if len(r.Options) > 0 {
		w.open("wsman:OptionSet", attr{"s:mustUnderstand", "true"})
		for _, o := range r.Options {
			attrs := []attr{{"Name", o.Name}}
			if o.MustComply {
				attrs = append(attrs, attr{"MustComply", "true"})
			}
			w.element("wsman:Option", o.Value, attrs...)
		}
		w.close("wsman:OptionSet")
	}
	if len(r.Selectors) > 0 {
		w.open("wsman:SelectorSet")
		for _, s := range r.Selectors {
			w.element("wsman:Selector", s.Value, attr{"Name", s.Name})
		}
		w.close("wsman:SelectorSet")
	}
}

// duration writes d as xs:duration in seconds.
func duration(d time.Duration) string {
	return "PT" + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S"
}
