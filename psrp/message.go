package psrp

import (
	"encoding/binary"
	"fmt"

	"github.com/epo-dev/epo/psrp/clixml"
)

const messageHeader = 40

// Destination tells which side a message is for.
type Destination uint32

// The two sides.
const (
	ToClient Destination = 1
	ToServer Destination = 2
)

// MessageType is the kind of a message, [MS-PSRP] 2.2.1.
type MessageType uint32

// The message types, in the order of their numbers.
const (
	MsgSessionCapability      MessageType = 0x00010002
	MsgInitRunspacePool       MessageType = 0x00010004
	MsgPublicKey              MessageType = 0x00010005
	MsgEncryptedSessionKey    MessageType = 0x00010006
	MsgPublicKeyRequest       MessageType = 0x00010007
	MsgConnectRunspacePool    MessageType = 0x00010008
	MsgSetMaxRunspaces        MessageType = 0x00021002
	MsgSetMinRunspaces        MessageType = 0x00021003
	MsgRunspaceAvailability   MessageType = 0x00021004
	MsgRunspacePoolState      MessageType = 0x00021005
	MsgCreatePipeline         MessageType = 0x00021006
	MsgGetAvailableRunspaces  MessageType = 0x00021007
	MsgUserEvent              MessageType = 0x00021008
	MsgApplicationPrivateData MessageType = 0x00021009
	MsgGetCommandMetadata     MessageType = 0x0002100A
	MsgRunspacePoolInitData   MessageType = 0x0002100B
	MsgResetRunspaceState     MessageType = 0x0002100C
	MsgPoolHostCall           MessageType = 0x00021100
	MsgPoolHostResponse       MessageType = 0x00021101
	MsgPipelineInput          MessageType = 0x00041002
	MsgEndOfPipelineInput     MessageType = 0x00041003
	MsgPipelineOutput         MessageType = 0x00041004
	MsgErrorRecord            MessageType = 0x00041005
	MsgPipelineState          MessageType = 0x00041006
	MsgDebugRecord            MessageType = 0x00041007
	MsgVerboseRecord          MessageType = 0x00041008
	MsgWarningRecord          MessageType = 0x00041009
	MsgProgressRecord         MessageType = 0x00041010
	MsgInformationRecord      MessageType = 0x00041011
	MsgPipelineHostCall       MessageType = 0x00041100
	MsgPipelineHostResponse   MessageType = 0x00041101
)

// String gives the number in hexadecimal.
func (t MessageType) String() string { return fmt.Sprintf("0x%08X", uint32(t)) }

// known tells whether t is one of the types above.
func (t MessageType) known() bool {
	switch {
	case t >= MsgSessionCapability && t <= MsgConnectRunspacePool,
		t >= MsgSetMaxRunspaces && t <= MsgResetRunspaceState,
		t >= MsgPoolHostCall && t <= MsgPoolHostResponse,
		t >= MsgPipelineInput && t <= MsgWarningRecord,
		t >= MsgProgressRecord && t <= MsgInformationRecord,
		t >= MsgPipelineHostCall && t <= MsgPipelineHostResponse:
		return true
	}
	return false
}

// A Message is one protocol message, [MS-PSRP] 2.2.1. The header is 40 bytes,
// integers little-endian, GUIDs in .NET order. Body is one CLIXML element,
// possibly behind a byte order mark, or empty.
type Message struct {
	Destination Destination
	Type        MessageType
	Pool        GUID
	Pipeline    GUID // zero for messages of the pool
	Body        []byte
}

// AppendMessage appends m in wire form to dst.
func AppendMessage(dst []byte, m Message) []byte {
	return append(appendHeader(dst, m), m.Body...)
}

func appendHeader(dst []byte, m Message) []byte {
	pool, pipeline := m.Pool.Bytes(), m.Pipeline.Bytes()
	dst = binary.LittleEndian.AppendUint32(dst, uint32(m.Destination))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(m.Type))
	dst = append(dst, pool[:]...)
	return append(dst, pipeline[:]...)
}

// ParseMessage reads one message. Body points into data.
func ParseMessage(data []byte) (Message, error) {
	if len(data) < messageHeader {
		return Message{}, protocolError("message", "%d bytes, the header has %d", len(data), messageHeader)
	}
	m := Message{
		Destination: Destination(binary.LittleEndian.Uint32(data)),
		Type:        MessageType(binary.LittleEndian.Uint32(data[4:])),
		Pool:        clixml.GUIDFromBytes([16]byte(data[8:24])),
		Pipeline:    clixml.GUIDFromBytes([16]byte(data[24:40])),
		Body:        data[messageHeader:],
	}
	if m.Destination != ToClient && m.Destination != ToServer {
		return Message{}, protocolError("message", "destination %d", m.Destination)
	}
	return m, nil
}

// encodeMessage serializes a message to the server whose body is one element.
func encodeMessage(t MessageType, pool, pipeline GUID, body any) ([]byte, error) {
	head := appendHeader(nil, Message{Destination: ToServer, Type: t, Pool: pool, Pipeline: pipeline})
	data, err := clixml.Append(head, body)
	if err != nil {
		return nil, fmt.Errorf("encode message %v: %w", t, err)
	}
	return data, nil
}
