// Command hrefcounter is a small web service that counts the links of pages.
//
//	GET  /?url=URL   fetch the page and count its links
//	POST /           count the links of the page in the body
//	GET  /counts     what all replicas have counted so far
//	GET  /healthz    200 while it can count
//	GET  /version    which version answers
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is the line that the demo changes.
const version = "hrefcounter 1"

func main() {
	address := flag.String("listen", ":8080", "address to listen on")
	data := flag.String("data", "/data", "folder of the counts")
	check := flag.Bool("healthcheck", false, "ask the service at -listen whether it is well, and exit")
	flag.Parse()

	if *check {
		if err := healthcheck(*address); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := run(*address, *data); err != nil {
		log.Fatal(err)
	}
}

// run serves until the process is told to stop, and then answers what has been asked.
func run(address, data string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	counts, err := OpenCounts(data)
	if err != nil {
		return err
	}
	defer counts.Close()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: NewHandler(counts), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	log.Printf("%s listens on %s", version, listener.Addr())

	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		log.Print("stopping")
		grace, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		return server.Shutdown(grace)
	}
}

// healthcheck is for HEALTHCHECK in an image that has no shell and no curl.
func healthcheck(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://127.0.0.1:" + port + "/healthz")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("healthz: %s", answer.Status)
	}
	return nil
}
