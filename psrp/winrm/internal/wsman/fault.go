package wsman

import (
	"strconv"
	"strings"
)

// readFault reads a SOAP fault. The code is that of WSManFault, the only part
// that is the same in every language and version.
func readFault(p *parser) (*Fault, error) {
	f := new(Fault)
	err := p.children(func(name Name) (err error) {
		switch name {
		case Name{nsSOAP, "Code"}:
			return f.readCode(p)
		case Name{nsSOAP, "Reason"}:
			f.Reason, err = p.allText()
			f.Reason = strings.TrimSpace(f.Reason)
			return err
		case Name{nsSOAP, "Detail"}:
			return f.readDetail(p)
		}
		return p.skip()
	})
	return f, err
}

func (f *Fault) readCode(p *parser) error {
	return p.children(func(name Name) error {
		if name != (Name{nsSOAP, "Subcode"}) {
			return p.skip()
		}
		text, err := p.allText()
		f.Subcode = text[strings.LastIndexByte(text, ':')+1:]
		return err
	})
}

// readDetail takes the first WSManFault that has a code.
func (f *Fault) readDetail(p *parser) error {
	return p.children(func(name Name) (err error) {
		switch name {
		case Name{nsFault, "WSManFault"}:
			f.readAttributes(p)
			return f.readDetail(p)
		case Name{nsFault, "ProviderFault"}:
			f.Provider = p.attr("provider")
			return f.readDetail(p)
		case Name{nsFault, "Message"}:
			return f.readDetail(p)
		}
		return p.skip()
	})
}

func (f *Fault) readAttributes(p *parser) {
	code, err := strconv.ParseUint(p.attr("Code"), 10, 32)
	if f.Code == 0 && err == nil {
		f.Code = uint32(code)
	}
	if f.Machine == "" {
		f.Machine = p.attr("Machine")
	}
}
