package good

import "testing"

func TestParse(t *testing.T) {
	t.Run("empty", func(t *testing.T) { t.Error("not parsed") })
	t.Run("full", func(t *testing.T) {})
}

func TestLater(t *testing.T) { t.Skip("later") }
