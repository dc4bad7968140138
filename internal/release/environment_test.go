package release

import (
	"strings"
	"testing"
)

func TestEnvironmentsAreNamedSoThatFoldersCanBe(t *testing.T) {
	for _, name := range []string{"shop/local", "my-shop_2/Staging.eu-1", "7/7"} {
		if env, err := ParseEnvironment(name); err != nil || env.String() != name {
			t.Errorf("%s: %s, %v", name, env, err)
		}
	}
	for _, name := range []string{
		"", "/", "shop", "shop/", "/local", "../x", "shop/..", "shop/.", "shop/a/b", "Shop/local", "shop/-x", "shop/a b", "shop/a#1",
		"shop/a\x00b", "shop/ü", "shop/a\n", "shop/" + strings.Repeat("x", 200),
	} {
		if env, err := ParseEnvironment(name); err == nil {
			t.Errorf("%q is read as %s", name, env)
		}
	}
}
