package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// asker makes a connection for each request, as a first visitor does.
var asker = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}

// ask gets a page.
func ask(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := asker.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, resp.Status)
	}
	return strings.TrimSpace(string(body)), err
}

// answers waits until url answers with want; empty: with anything.
func answers(ctx context.Context, url, want string) error {
	return poll(ctx, func() error {
		got, err := ask(ctx, url)
		if err == nil && want != "" && got != want {
			err = fmt.Errorf("%s answers %q, not %q", url, got, want)
		}
		return err
	})
}

// firstPort is where the search for free ports begins.
const firstPort = 18400

// freePort is one that nobody listens on, and that was not given away before.
func (l *lab) freePort() (int, error) {
	for {
		l.port++
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", firstPort+l.port))
		if err == nil {
			return firstPort + l.port, listener.Close()
		}
		if l.port > 1000 {
			return 0, err
		}
	}
}
