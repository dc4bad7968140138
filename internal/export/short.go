package export

import (
	"net"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Compose has a short form for most ports and volumes. It is what people write and read, and older readers know no other for
// some.

func eachService(doc *yaml.Node, f func(*yaml.Node)) {
	services := field(doc.Content[0], "services")
	if services == nil {
		return
	}
	for i := 1; i < len(services.Content); i += 2 {
		f(services.Content[i])
	}
}

// field is the value of a key of a mapping, or nil.
func field(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// leaveOutRequired takes out of dependencies what holds anyway, and what docker-compose 1 refuses.
func leaveOutRequired(dependencies *yaml.Node) {
	if dependencies == nil {
		return
	}
	for i := 1; i < len(dependencies.Content); i += 2 {
		fields := &dependencies.Content[i].Content
		for at := 0; at+1 < len(*fields); at += 2 {
			if (*fields)[at].Value == "required" && (*fields)[at+1].Value == "true" {
				*fields = slices.Delete(*fields, at, at+2)
				break
			}
		}
	}
}

// shorten replaces the entries of a list for which there is a short form.
func shorten(list *yaml.Node, short func(map[string]string) string) {
	if list == nil {
		return
	}
	for i, entry := range list.Content {
		values, ok := scalars(entry)
		if !ok {
			continue
		}
		if text := short(values); text != "" {
			list.Content[i] = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text, Style: yaml.DoubleQuotedStyle}
		}
	}
}

// scalars are the fields of a mapping, if it has nothing else but fields that are empty themselves.
func scalars(mapping *yaml.Node) (map[string]string, bool) {
	values := map[string]string{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		switch value := mapping.Content[i+1]; {
		case value.Kind == yaml.ScalarNode:
			values[mapping.Content[i].Value] = value.Value
		case len(value.Content) > 0:
			return nil, false
		}
	}
	return values, true
}

// shortPort is "127.0.0.1:8080:80/udp"; nothing where the port says more than that.
func shortPort(p map[string]string) string {
	if p["app_protocol"] != "" {
		return ""
	}
	text := p["target"]
	if p["published"] != "" || p["host_ip"] != "" {
		text = p["published"] + ":" + text
	}
	if ip := p["host_ip"]; ip != "" {
		text = net.JoinHostPort(ip, text)
	}
	if p["protocol"] == "udp" {
		text += "/udp"
	}
	return text
}

// shortVolume is "data:/data:ro"; nothing where the volume says more than that, or would be read otherwise.
func shortVolume(v map[string]string) string {
	source, target := v["source"], v["target"]
	bind := strings.HasPrefix(source, "/") || strings.HasPrefix(source, "./")
	if source == "" || slices.ContainsFunc([]string{source, target}, func(s string) bool { return strings.Contains(s, ":") }) || bind != (v["type"] == "bind") {
		return ""
	}
	text := source + ":" + target
	if v["read_only"] == "true" {
		text += ":ro"
	}
	return text
}
