package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// encodings are a secret as common tools write it: as it is, without the line end that its file has, with the one that echo adds.
func encodings(secret []byte) []string {
	var all []string
	bare := bytes.TrimSpace(secret)
	for _, s := range [][]byte{secret, bare, slices.Concat(bare, []byte("\n"))} {
		plain, url := base64.StdEncoding.EncodeToString(s), base64.URLEncoding.EncodeToString(s)
		digits := hex.EncodeToString(s)
		all = append(all, plain, strings.TrimRight(plain, "="), url, strings.TrimRight(url, "="), digits, strings.ToUpper(digits),
			wrapped(plain, 76), wrapped(plain, 64), wrapped(digits, 60)) // base64, openssl, xxd
	}
	return all
}

// wrapped breaks a text into lines.
func wrapped(text string, width int) string {
	return string(bytes.Join(slices.Collect(slices.Chunk([]byte(text), width)), []byte("\n")))
}
