package export

import (
	"bytes"
	"strings"

	"go.yaml.in/yaml/v4"
)

// text writes the project as YAML, as one that interpolates nothing.
func (x *exporter) text() ([]byte, error) {
	raw, err := x.project.MarshalYAML()
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		return nil, err
	}
	eachService(&doc, func(service *yaml.Node) {
		shorten(field(service, "ports"), shortPort)
		shorten(field(service, "volumes"), shortVolume)
		leaveOutRequired(field(service, "depends_on"))
	})
	literal(&doc)
	var b bytes.Buffer
	b.WriteString(strings.Join(x.header(), "\n") + "\n\n")
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// literal writes each $ as one that stands for itself.
func literal(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value = strings.ReplaceAll(n.Value, "$", "$$")
	}
	for _, each := range n.Content {
		literal(each)
	}
}
