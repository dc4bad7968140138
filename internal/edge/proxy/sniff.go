package proxy

import "bytes"

type verdict int

const (
	unsure verdict = iota
	isHTTP
	notHTTP
)

// prefaces are how HTTP begins: a method of RFC 9110 or RFC 5789 and a space, or HTTP/2's preface.
var prefaces = [][]byte{
	[]byte("GET "), []byte("HEAD "), []byte("POST "), []byte("PUT "), []byte("DELETE "), []byte("OPTIONS "),
	[]byte("PATCH "), []byte("TRACE "), []byte("PRI * HTTP/2.0\r\n"),
}

const longestPreface = len("PRI * HTTP/2.0\r\n")

// sniff judges the first bytes of a connection; unsure: more are needed.
func sniff(first []byte) verdict {
	for _, p := range prefaces {
		if bytes.HasPrefix(first, p) {
			return isHTTP
		}
		if bytes.HasPrefix(p, first) {
			return unsure
		}
	}
	return notHTTP
}
