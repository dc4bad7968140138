package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnEngineTakesNoSecretsFromTheShellThatStartsIt(t *testing.T) {
	got := engineEnvironment([]string{
		"PATH=/bin", "DB_PASSWORD=hunter2", "https_proxy=http://proxy:3128", "SEAWORTHY_CONFIG=/etc/x.yaml", "SEAWORTHY=no", "AWS_SECRET_ACCESS_KEY=x",
	})
	want := []string{"PATH=/bin", "https_proxy=http://proxy:3128", "SEAWORTHY_CONFIG=/etc/x.yaml"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}
