package report

import (
	"errors"
	"io"
)

// maxTag is how many bytes of a tag are read: of what an attribute holds beyond that nothing is told.
const maxTag = 16 << 10

// tags reads the tags of XML, and nothing between them: what a test wrote can be all of a report of gigabytes, and whoever parses it
// whole would keep each piece of text.
type tags struct {
	in  io.ByteReader
	buf []byte
}

// next is the next tag, valid until the one after it is read. The error is io.EOF behind the last one.
func (t *tags) next() (tag, error) {
	for {
		b, err := t.in.ReadByte()
		if err != nil {
			return nil, err
		}
		if b != '<' {
			continue
		}
		if b, err = t.byte(); err != nil {
			return nil, err
		}
		switch b {
		case '?':
			err = t.skip("?>")
		case '!':
			err = t.skipDeclaration()
		default:
			return t.read(b)
		}
		if err != nil {
			return nil, err
		}
	}
}

// byte is the next one of what has not ended.
func (t *tags) byte() (byte, error) {
	b, err := t.in.ReadByte()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// read takes a tag in. What is in quotes ends none; a tag that is too long loses what it has in quotes.
func (t *tags) read(b byte) (tag, error) {
	t.buf = t.buf[:0]
	for quote := byte(0); b != '>' || quote != 0; {
		switch {
		case quote == 0 && (b == '"' || b == '\''):
			quote = b
		case b == quote:
			quote = 0
		}
		if quote == 0 || b == quote || len(t.buf) < maxTag {
			t.buf = append(t.buf, b)
		}
		if len(t.buf) > 4*maxTag { // no tag of anybody
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if b, err = t.byte(); err != nil {
			return nil, err
		}
	}
	return t.buf, nil
}

// skipDeclaration reads on to the end of a comment, of text in CDATA, or of a document type.
func (t *tags) skipDeclaration() error {
	b, err := t.byte()
	if err != nil {
		return err
	}
	switch b {
	case '-':
		return t.skip("-->")
	case '[':
		return t.skip("]]>")
	}
	return t.skip(">")
}

// skip reads on to the end of what ends with end.
func (t *tags) skip(end string) error {
	last := make([]byte, len(end))
	for string(last) != end {
		b, err := t.byte()
		if err != nil {
			return err
		}
		copy(last, last[1:])
		last[len(last)-1] = b
	}
	return nil
}
