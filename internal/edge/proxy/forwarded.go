package proxy

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwardedFor tells the upstream who asked, as we saw it. What a client claims about that is dropped, unless it is to be
// trusted; what one says that is, is kept and added to.
func forwardedFor(in *http.Request, out http.Header, d destination, trusted bool) {
	from, proto, host := d.client.WithZone("").String(), "http", hostOf(in, d)
	if trusted {
		if prior := in.Header["X-Forwarded-For"]; len(prior) > 0 {
			from = strings.Join(prior, ", ") + ", " + from
		}
		proto = orElse(in.Header.Get("X-Forwarded-Proto"), proto)
		host = orElse(in.Header.Get("X-Forwarded-Host"), host)
		if prior := in.Header["Forwarded"]; len(prior) > 0 {
			out["Forwarded"] = prior
		}
	} else {
		dropClaims(out)
	}
	out["X-Forwarded-For"] = []string{from}
	out["X-Forwarded-Proto"] = []string{proto}
	out["X-Forwarded-Host"] = []string{host}
}

// hostOf is whom the client asks: by the address that it has connected to, when it names no host, as HTTP/1.0 may.
func hostOf(in *http.Request, d destination) string {
	if in.Host != "" {
		return in.Host
	}
	if d.inside() {
		return d.virtual.String()
	}
	local, _ := in.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return netip.AddrPortFrom(local.AddrPort().Addr().Unmap().WithZone(""), uint16(local.Port)).String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// claims are the headers in which proxies say who asked them for what, and which applications believe. So is Proxy, which CGI
// hands on as HTTP_PROXY (https://httpoxy.org).
var claims = map[string]bool{
	"Forwarded": true, "X-Forwarded": true,
	"X-Real-Ip": true, "X-Client-Ip": true, "Client-Ip": true, "True-Client-Ip": true, "X-Cluster-Client-Ip": true,
	"Cf-Connecting-Ip": true, "Cf-Connecting-Ipv6": true, "Fastly-Client-Ip": true, "X-Proxyuser-Ip": true, "X-Remote-Ip": true,
	"X-Remote-Addr": true, "Remote-Addr": true,
	"X-Scheme": true, "X-Url-Scheme": true, "Front-End-Https": true, "X-Rewrite-Url": true, "Proxy": true,
}

// claimPrefixes begin the names of more of them.
var claimPrefixes = []string{"X-Forwarded-", "X-Original-", "X-Envoy-"}

func dropClaims(h http.Header) {
	maps.DeleteFunc(h, func(name string, _ []string) bool { return isClaim(name) })
}

// isClaim takes X_Real_IP for what it is to applications that are handed headers as variables, as CGI has it.
func isClaim(name string) bool {
	if strings.Contains(name, "_") {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	return claims[name] || slices.ContainsFunc(claimPrefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// hidesHTTP are protocols that a client must not change to: requests in there would reach the replica unseen, with claims of
// their own (https://bishopfox.com/blog/h2c-smuggling-request). Who is not offered one goes on in HTTP/1.1 (RFC 9110, 7.8).
var hidesHTTP = map[string]bool{"h2c": true, "h2": true, "http": true, "tls": true}

// takeBackUpgrade takes those out of what a client offers to change to.
func takeBackUpgrade(h http.Header) {
	if h["Upgrade"] == nil {
		return
	}
	var left []string
	for offer := range strings.SplitSeq(strings.Join(h["Upgrade"], ","), ",") {
		offer = strings.TrimSpace(offer)
		name, _, _ := strings.Cut(offer, "/")
		if name != "" && !hidesHTTP[strings.ToLower(strings.TrimSpace(name))] {
			left = append(left, offer)
		}
	}
	h.Del("Upgrade")
	h.Del("Http2-Settings")
	if len(left) > 0 {
		h.Set("Upgrade", strings.Join(left, ", "))
	}
}
