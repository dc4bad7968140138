// App is the service that the end-to-end tests deploy: it does over the network what it is asked to, and misbehaves as its
// environment says.
package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	version = os.Getenv("VERSION")
	sick    atomic.Bool
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "health" {
		os.Exit(health())
	}
	misbehave()
	go echoTCP()
	go echoUDP()
	endOnSignal()
	server := &http.Server{Addr: ":8080", Handler: routes(), Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	fmt.Println("serving", version)
	log.Fatal(server.ListenAndServe())
}

// health is what the service's health check runs.
func health() int {
	resp, err := http.Get("http://127.0.0.1:8080/health")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer resp.Body.Close()
	_, _ = io.Copy(os.Stdout, resp.Body)
	if resp.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}

func misbehave() {
	after := func(variable string, do func()) {
		if d, err := time.ParseDuration(os.Getenv(variable)); err == nil {
			time.AfterFunc(d, do)
		}
	}
	if marker := os.Getenv("FAIL_FIRST"); marker != "" {
		if _, err := os.Stat(marker); err != nil {
			_ = os.WriteFile(marker, nil, 0o600)
			fmt.Println("failing the first time")
			os.Exit(1)
		}
	}
	if marker := os.Getenv("FAIL_IF"); marker != "" {
		if _, err := os.Stat(marker); err == nil {
			fmt.Println("failing because of", marker)
			os.Exit(1)
		}
	}
	if suffix := os.Getenv("FAIL_SUFFIX"); suffix != "" {
		if name, _ := os.Hostname(); strings.HasSuffix(name, suffix) {
			fmt.Println("failing as", name)
			os.Exit(1)
		}
	}
	sick.Store(os.Getenv("SICK") != "")
	after("SICK_AFTER", func() { sick.Store(true) })
	after("EXIT_AFTER", func() { os.Exit(3) })
	if d, err := time.ParseDuration(os.Getenv("STARTUP")); err == nil {
		time.Sleep(d)
	}
}

// endOnSignal ends the process as one does that lets what runs finish: without a word to open connections.
func endOnSignal() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGUSR1)
	go func() {
		fmt.Println("ending on", <-signals)
		os.Exit(0)
	}()
}

func routes() http.Handler {
	mux := http.NewServeMux()
	say := func(path string, what func(r *http.Request) (string, error)) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			text, err := what(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			fmt.Fprintln(w, text)
		})
	}
	say("/version", func(*http.Request) (string, error) { return version, nil })
	say("/proto", func(r *http.Request) (string, error) { return r.Proto, nil })
	say("/asked", func(r *http.Request) (string, error) {
		h := r.Header
		return h.Get("X-Forwarded-For") + " " + h.Get("X-Forwarded-Proto") + " " + h.Get("X-Real-IP"), nil
	})
	say("/host", func(*http.Request) (string, error) { return os.Hostname() })
	say("/get", func(r *http.Request) (string, error) { return get(r.FormValue("url")) })
	say("/pair", func(r *http.Request) (string, error) {
		other, err := get(r.FormValue("url"))
		return version + " " + other, err
	})
	say("/ask", func(r *http.Request) (string, error) { return ask(r.FormValue("network"), r.FormValue("addr")) })
	say("/lookup", func(r *http.Request) (string, error) {
		addrs, err := net.DefaultResolver.LookupHost(r.Context(), r.FormValue("name"))
		return strings.Join(addrs, " "), err
	})
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintln(w, "I am sick")
		}
	})
	mux.HandleFunc("/sicken", func(http.ResponseWriter, *http.Request) { sick.Store(true) })
	mux.HandleFunc("/heal", func(http.ResponseWriter, *http.Request) { sick.Store(false) })
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(4) })
	mux.HandleFunc("/stream", stream)
	mux.HandleFunc("/upgrade", upgrade)
	return mux
}

func get(url string) (string, error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return strings.TrimSpace(string(body)), err
}

// ask says hello and returns the answer.
func ask(network, addr string) (string, error) {
	conn, err := net.DialTimeout(network, addr, 2*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := fmt.Fprintln(conn, "hello"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

// stream sends lines until the client goes away.
func stream(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	_ = rc.EnableFullDuplex()
	for n := 0; ; n++ {
		if _, err := fmt.Fprintf(w, "%s %d\n", version, n); err != nil || rc.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// upgrade leaves HTTP, as a WebSocket does, and answers each line with the version and the line.
func upgrade(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "no upgrade", http.StatusBadRequest)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_ = rw.Flush()
	answerLines(struct {
		io.Reader
		io.Writer
	}{rw, conn})
}

func answerLines(conn io.ReadWriter) {
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if _, err := fmt.Fprintf(conn, "%s %s\n", version, lines.Text()); err != nil {
			return
		}
	}
}

func echoTCP() {
	l, err := net.Listen("tcp", ":7000")
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer conn.Close()
			answerLines(conn)
		}()
	}
}

func echoUDP() {
	conn, err := net.ListenPacket("udp", ":"+cmp.Or(os.Getenv("UDP_PORT"), "7001"))
	if err != nil {
		log.Fatal(err)
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			log.Fatal(err)
		}
		_, _ = conn.WriteTo(append([]byte(version+" "), buf[:n]...), from)
	}
}
