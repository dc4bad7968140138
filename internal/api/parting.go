package api

import (
	"context"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// lastWords is how long who has ended a call is still told what becomes of it.
const lastWords = 5 * time.Second

// parting returns the context of a call whose answer is heard to its end also where ctx ends before. The engine is told so by the end of
// what this side sends: its own context of the call ends by that, while the way back stays open.
func parting(ctx context.Context) (call context.Context, end func()) {
	call, leave := context.WithCancelCause(context.WithoutCancel(ctx))
	var conn atomic.Pointer[net.Conn]
	call = httptrace.WithClientTrace(call, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) { conn.Store(&got.Conn) }})
	stop := context.AfterFunc(ctx, func() {
		if half, ok := writing(conn.Load()); ok && half.CloseWrite() == nil {
			select {
			case <-call.Done():
			case <-time.After(lastWords):
			}
		}
		leave(context.Cause(ctx))
	})
	return call, func() {
		stop()
		leave(nil)
	}
}

// writing is the half of a connection that is written to, if there is one yet.
func writing(conn *net.Conn) (interface{ CloseWrite() error }, bool) {
	if conn == nil {
		return nil, false
	}
	half, ok := (*conn).(interface{ CloseWrite() error })
	return half, ok
}
