package proxy

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frame is one of HTTP/2 (RFC 9113, 4.1).
func frame(kind, flags byte, stream uint32, payload []byte) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = binary.BigEndian.AppendUint32(append(head, flags), stream)
	return string(head) + string(payload)
}

// getFields are those of GET / at a host x (RFC 7541, appendix A), getIndex the frame with them.
var getFields = append([]byte{0x82, 0x84, 0x86}, literal(":authority", "x")...)

func getIndex(stream uint32) string { return frame(1, 4|1, stream, getFields) }

// literal is a field that is not indexed (RFC 7541, 6.2.2).
func literal(name, value string) []byte {
	return append(text([]byte{0}, name), text(nil, value)...)
}

func text(to []byte, s string) []byte {
	if len(s) < 0x7f {
		return append(append(to, byte(len(s))), s...)
	}
	return append(binary.AppendUvarint(append(to, 0x7f), uint64(len(s)-0x7f)), s...)
}

// http2 is a connection on which those frames have been sent.
func (r *rig) http2(frames ...string) *net.TCPConn {
	r.t.Helper()
	conn := r.dial()
	io.WriteString(conn, preface)
	for _, f := range frames {
		io.WriteString(conn, f)
	}
	return conn
}

// verdictOf is the first frame that answers a request, or ends it or the connection.
func verdictOf(conn io.Reader) string {
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			return err.Error()
		}
		payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
		if _, err := io.ReadFull(conn, payload); err != nil {
			return err.Error()
		}
		stream := binary.BigEndian.Uint32(head[5:])
		switch head[3] {
		case 1:
			return fmt.Sprintf("HEADERS %d: %s", stream, payload[2:5]) // of a status that is in no table
		case 3:
			return fmt.Sprintf("RST_STREAM %d: %d", stream, binary.BigEndian.Uint32(payload))
		case 7:
			return fmt.Sprintf("GOAWAY: %d", binary.BigEndian.Uint32(payload[4:]))
		}
	}
}
