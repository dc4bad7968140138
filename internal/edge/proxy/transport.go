package proxy

import (
	"net/http"
	"time"
)

// transports are the long ways to an upstream: net/http's own.
type transports struct {
	// fresh uses each connection once: what it carries must not be sent twice, so it cannot risk a connection that the
	// upstream is about to close for being idle.
	fresh *http.Transport
	h2c   *http.Transport
}

func newTransports(u *upstream) transports {
	fresh := &http.Transport{
		DialContext:            u.dialTracked,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: longestAnswerHead,
	}
	h2c := &http.Transport{
		DialContext:            u.dialTracked,
		DisableCompression:     true,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: longestAnswerHead,
		Protocols:              new(http.Protocols),
	}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	return transports{fresh, h2c}
}

func (t transports) closeIdle() {
	t.fresh.CloseIdleConnections()
	t.h2c.CloseIdleConnections()
}
