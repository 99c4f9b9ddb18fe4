package winrm

import (
	"errors"

	"github.com/epo-dev/epo/psrp"
	"github.com/epo-dev/epo/psrp/clixml"
)

// poolID reads the id of the pool out of its first fragment. Windows expects
// the shell to have the same.
func poolID(first []byte) (psrp.GUID, error) {
	f, _, err := psrp.ParseFragment(first)
	if err != nil {
		return psrp.GUID{}, err
	}
	m, err := psrp.ParseMessage(f.Blob)
	if err != nil {
		return psrp.GUID{}, err
	}
	return m.Pool, nil
}

// watchVersion gives a function that looks through the first bytes of the shell
// for the server's SESSION_CAPABILITY: from version 2.2 on, envelopes may be
// larger. It judges nothing; that is the pool's business.
func (t *Transport) watchVersion() func(data []byte) {
	found := t.config.MaxEnvelopeSize != 0
	var d psrp.Defragmenter
	return func(data []byte) {
		if found {
			return
		}
		err := d.Feed(data, func(object []byte) error {
			m, err := psrp.ParseMessage(object)
			if err != nil || m.Type != psrp.MsgSessionCapability {
				return err
			}
			if current(m.Body) {
				t.mu.Lock()
				t.envelope = envelopeCurrent
				t.mu.Unlock()
			}
			return errFound
		})
		found = err != nil
	}
}

var errFound = errors.New("found")

// current tells whether a capability message is of protocol 2.2 or later.
func current(body []byte) bool {
	v, err := clixml.Decode(body, clixml.DecodeOptions{})
	o, ok := v.(*clixml.Object)
	if err != nil || !ok {
		return false
	}
	value, _ := o.Get("protocolversion")
	text, _ := value.(string) // some write it so
	if v, ok := value.(clixml.Version); ok {
		text = string(v)
	}
	return text != "" && text != "2.0" && text != "2.1"
}
