package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seaworthyhq/seaworthy/internal/atomicfile"
)

func recordPath(dir, bridge string) string { return filepath.Join(dir, bridge+".json") }

func writeRecord(dir string, n Network) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return atomicfile.Write(recordPath(dir, n.Bridge), b, 0o600)
}

func removeRecord(dir string, n Network) error {
	err := os.Remove(recordPath(dir, n.Bridge))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readRecords(dir string) ([]Network, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read networks: %w", err)
	}
	var all []Network
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".json" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read network: %w", err)
		}
		var n Network
		if err := json.Unmarshal(b, &n); err != nil {
			return nil, fmt.Errorf("read network %s: %w", e.Name(), err)
		}
		all = append(all, n)
	}
	return all, nil
}
