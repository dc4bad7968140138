#!/usr/bin/env bash
# demo.sh does the main job on examples/hrefcounter, from its Dockerfile to a rollback; every step prints its command.
# demo.sh clean removes all that it has made.
#
# ROOT is the state root of the demo's engine. It is one of its own: an engine that you use is left alone. PORT is where
# it serves; without it 8080, or the next one that is free.
set -euo pipefail
cd "$(dirname "$0")/.."

root=${ROOT:-/var/lib/seaworthy-demo}
root=${root%/}
work=.cache/demo
app=$work/hrefcounter
url= # where it serves, once that is known
mark=$root/made-by-demo
cleaning="make demo-clean${ROOT:+ ROOT=$root}"
# An engine that is started on demand inherits it.
export SEAWORTHY_CONFIG=$PWD/$work/engine.yaml
export no_proxy=${no_proxy:+$no_proxy,}localhost
background= # process that asks while something else runs
bold='' heading='' normal=''
if [ -t 1 ]; then
	bold=$'\e[1m' heading=$'\e[1;36m' normal=$'\e[0m'
fi

main() {
	[ "$(id -u)" -eq 0 ] || die "the demo starts an engine, which needs root" "sudo make demo"
	[[ $root == /?* ]] || die "ROOT=$root is not an absolute path"
	case ${1-} in
	'') demo ;;
	clean) clean ;;
	*) die "usage: demo.sh [clean]" ;;
	esac
}

demo() {
	local code=0
	[ -x bin/seaworthy ] || die "bin/seaworthy is missing" "make demo builds it"
	[ -f .cache/bases/oci-layout ] || die "the base images are missing" "make bases"
	if [ -e "$mark" ]; then
		say "A demo is there already: removing it first."
		clean
	fi
	trap leave EXIT
	choose_port
	prepare

	step "What there is to build: a pipeline, as the Dockerfile has it"
	seaworthy plan --graph mermaid

	step "Build the Dockerfile stage by stage, check, start two replicas"
	seaworthy up
	echo "It serves at $url"
	run curl -fsS -d '<a href="/one">1</a> <a href="/two">2</a>' "$url/"
	expect_version 1

	step "Change one line and update under load"
	edit main.go 's/^const version = .*/const version = "hrefcounter 2"/'
	start_load
	seaworthy up
	finish_load
	expect_version 2

	step "Why did that stage run?"
	seaworthy why builder

	step "A change that breaks a test: nothing is released, and the check's report is kept"
	cp "$app/links.go" "$work/links.go.good"
	edit links.go 's/a.Key == "href"/a.Key == "src"/'
	seaworthy up || code=$?
	[ "$code" -eq 5 ] || die "up ended with exit code $code, not 5 (docs/exit-codes.md)"
	echo "up failed with exit code 5, as it must (docs/exit-codes.md)"
	run grep -m 1 '"Action":"fail"' "$app/.seaworthy/reports/test/go-test.json"
	expect_version 2
	run cp "$work/links.go.good" "$app/links.go"

	step "A version that does not come up: it must fail, and version 2 goes on serving"
	cp "$app/main.go" "$work/main.go.good"
	edit main.go 's/^\tif err := run(.*/\tlog.Fatal("broken for the demo")\n&/'
	start_watch
	code=0
	seaworthy up || code=$?
	finish_watch 2
	[ "$code" -eq 6 ] || die "up ended with exit code $code, not 6 (docs/exit-codes.md)"
	echo "up failed with exit code 6, as it must (docs/exit-codes.md)"
	run cp "$work/main.go.good" "$app/main.go"

	step "Scale"
	seaworthy scale web=4
	seaworthy status

	step "Roll back: by digest, nothing is built"
	seaworthy rollback
	expect_version 1

	step "What happened"
	seaworthy history
	farewell
}

# choose_port sets url.
choose_port() {
	local port=${PORT:-8080}
	[[ $port =~ ^[1-9][0-9]{0,4}$ && $port -le 65535 ]] || die "PORT=$port is not a port"
	if [ -n "${PORT-}" ] && taken "$port"; then
		die "port $port is taken" "PORT=another make demo, or without PORT: it takes one that is free"
	fi
	while taken "$port"; do
		port=$((port + 1))
	done
	url=http://localhost:$port
}

# taken reports whether something listens at a port, at whatever address (proc_pid_net(5): 0A is LISTEN).
taken() {
	local files=(/proc/net/tcp)
	[ ! -e /proc/net/tcp6 ] || files+=(/proc/net/tcp6)
	awk -v at=":$(printf %04X "$1")\$" '$4 == "0A" && $2 ~ at {found = 1} END {exit !found}' "${files[@]}"
}

prepare() {
	# The root is marked before anything is in it, so that clean never removes one that is not the demo's.
	[ ! -e "$root" ] || die "$root is there, and the demo did not make it" "ROOT=/somewhere/else make demo"
	install -d -m 711 "$root"
	touch "$mark"
	rm -rf "$work"
	mkdir -p "$work"
	cp -R examples/hrefcounter "$app"
	sed -i "s/\"8080:8080\"/\"${url##*:}:8080\"/" "$app/compose.yaml"
	grep -q "\"${url##*:}:8080\"" "$app/compose.yaml" || die "the port to change is not in compose.yaml"
	cat >"$SEAWORTHY_CONFIG" <<-YAML
		# Settings of the demo's engine (docs/engine.md): base images come from this machine.
		mirrors:
		  docker.io: ["$PWD/.cache/bases"]
	YAML
}

farewell() {
	cat <<-TEXT

		It goes on running, at $url. To look around:

		  alias sw='$PWD/bin/seaworthy --root $root -C $PWD/$app'
		  sw status
		  sw logs -f
		  sw resume && sw up       # forward again: a rollback holds the environment
		  sw --help

		$cleaning removes everything.
	TEXT
}

# clean leaves the root where it is as long as something may still run from it.
clean() {
	local run_dir removed="There is no demo at $root: ROOT=/path make demo-clean removes one that is elsewhere."
	if [ -e "$root" ] && [ ! -e "$mark" ]; then
		die "$root was not made by the demo: it is left alone"
	fi
	if [ -e "$mark" ]; then
		[ -x bin/seaworthy ] || die "bin/seaworthy is missing, and it is what stops the replicas" "make build demo-clean"
		if [ -e "$root/engine.log" ] || [ -e "$root/engine.sock" ]; then
			stop_all
		fi
		# What the runtime keeps for this root until a reboot.
		run_dir=/run/seaworthy/$(printf %s "$root" | sha256sum | cut -c 1-12)
		unmount_below "$root"
		unmount_below "$run_dir"
		rm -rf --one-file-system "$run_dir"
		# The mark goes last: what is interrupted here can be done again.
		find "$root" -xdev -mindepth 1 -maxdepth 1 ! -path "$mark" -exec rm -rf --one-file-system {} +
		rm -rf --one-file-system "$root"
		rm -rf "$work"
		removed="The demo at $root is removed."
	fi
	echo "$removed"
}

stop_all() {
	local code=0 info engine edge
	run bin/seaworthy --root "$root" -e hrefcounter/local down --volumes --yes || code=$?
	# 8: there is no such environment, the demo was ended before it deployed anything.
	[ "$code" -eq 0 ] || [ "$code" -eq 8 ] || die "down failed: $root is kept" "see $root/engine.log"
	info=$(bin/seaworthy --root "$root" engine status --json) || die "the engine does not answer: $root is kept" "see $root/engine.log"
	engine=$(field pid "$info")
	edge=$(field edge "$info")
	run bin/seaworthy --root "$root" engine stop
	await_end "$engine" || die "the engine, process $engine, does not end: $root is kept"
	end_edge "$edge"
}

# end_edge ends the process only if it is an edge of this root: since the engine named it, the number may have a new owner.
end_edge() {
	local pid=$1
	if ! is_process "$pid" || ! tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$root/"; then
		return 0
	fi
	run kill "$pid"
	await_end "$pid" && return
	run kill -KILL "$pid"
	await_end "$pid" || die "the edge, process $pid, does not end: $root is kept"
}

# field prints a number out of a JSON object, as the engine indents it or in one line.
field() { grep -oE "\"$1\": *[0-9]+" <<<"$2" | head -n 1 | grep -oE '[0-9]+$' || true; }

# is_process is false for one that has ended and that nobody has waited for: it has no command line any more.
is_process() { [[ ${1:-0} -gt 1 && -n $(tr -d '\0' 2>/dev/null <"/proc/$1/cmdline") ]]; } 2>/dev/null

await_end() {
	local _
	for _ in {1..100}; do
		is_process "$1" || return 0
		sleep 0.1
	done
	return 1
}

unmount_below() {
	local points point
	mapfile -t points < <(awk -v below="$1/" 'index($5, below) == 1 {print $5}' /proc/self/mountinfo | sort -r)
	for point in "${points[@]}"; do
		run umount "$(printf '%b' "$point")"
	done
}

# start_load asks for /healthz without a pause until finish_load, which fails the demo if a request failed.
start_load() {
	if command -v wrk >/dev/null; then
		show wrk -t2 -c16 -d10m "$url/healthz" '&'
		wrk -t2 -c16 -d10m "$url/healthz" >"$work/load" 2>&1 &
	else
		show 'while true; do' curl -fsS "$url/healthz" '; done &'
		curl_load >"$work/load" 2>&1 &
	fi
	background=$!
	sleep 1
	kill -0 "$background" 2>/dev/null || die "the load did not start: $(cat "$work/load")"
}

# curl_load writes what wrk would.
curl_load() {
	local asked=0 failed=0 stop=
	trap 'stop=1' INT TERM
	while [ -z "$stop" ]; do
		asked=$((asked + 1))
		curl -fsS -m 10 -o /dev/null "$url/healthz" 2>/dev/null || [ -n "$stop" ] || failed=$((failed + 1))
	done
	echo "  $asked requests in all"
	[ "$failed" -eq 0 ] || echo "  Non-2xx or 3xx responses: $failed"
}

finish_load() {
	local asked failed
	sleep 1
	kill -0 "$background" 2>/dev/null || die "the load ended early: $(cat "$work/load")"
	if command -v wrk >/dev/null; then
		kill -INT "$background" # it sums up
	else
		kill -TERM "$background" # bash ignores INT in what it starts with &
	fi
	wait "$background" || true
	background=
	asked=$(sed -nE 's/^ *([0-9]+) requests in .*/\1/p' "$work/load")
	failed=$(awk '/Non-2xx|Socket errors/ {gsub(/[^0-9 ]|2xx|3xx/, ""); for (i = 1; i <= NF; i++) n += $i} END {print n + 0}' "$work/load")
	[ "${asked:-0}" -gt 0 ] || die "the load asked nothing: $(cat "$work/load")"
	echo "$asked requests during the update, $failed failed"
	[ "$failed" -eq 0 ] || die "requests failed: $(grep -E 'Non-2xx|Socket errors' "$work/load")"
}

# start_watch asks which version answers, until finish_watch, which fails the demo if it was ever another one.
start_watch() {
	show 'while sleep 0.1; do' curl -fsS "$url/version" '; done &'
	while sleep 0.1; do
		curl -fsS -m 10 "$url/version" 2>/dev/null || echo "no answer"
	done >"$work/versions" &
	background=$!
}

finish_watch() {
	sleep 1
	kill "$background"
	wait "$background" || true
	background=
	echo "answers meanwhile:"
	sort "$work/versions" | uniq -c
	grep -q . "$work/versions" || die "nothing was asked"
	! grep -vx "hrefcounter $1" "$work/versions" || die "expected hrefcounter $1, always"
}

stop_background() { [ -z "$background" ] || kill "$background" 2>/dev/null || true; }

# leave is the end of a demo, whichever it is. What was made stays, to be looked at.
leave() {
	local code=$?
	stop_background
	if [ "$code" -ne 0 ] && [ -e "$mark" ]; then
		printf 'demo: it ended early; its engine and what it started go on running\n  %s removes them\n' "$cleaning" >&2
	fi
}

expect_version() {
	local answer
	show curl -fsS "$url/version"
	answer=$(curl -fsS "$url/version")
	echo "$answer"
	[ "$answer" = "hrefcounter $1" ] || die "expected hrefcounter $1"
}

# edit changes a line of a file of the application and shows how.
edit() {
	local before file=$app/$1
	before=$(mktemp "$work/$1.XXXXXX")
	cp "$file" "$before"
	run sed -i "$2" "$file"
	if diff "$before" "$file"; then
		die "the line to change is not in $1"
	fi
	rm "$before"
}

seaworthy() { run bin/seaworthy --root "$root" -C "$app" "$@"; }

run() {
	show "$@"
	"$@"
}

show() { printf '\n%s$ %s%s\n' "$bold" "$(words "$@")" "$normal"; }

# words prints its arguments as one would type them.
words() {
	local word line=
	for word; do
		if [[ $word == *["<\"\\*"]* ]]; then
			word="'$word'"
		fi
		line+=" $word"
	done
	echo "${line# }"
}

say() { printf '\n%s\n' "$*"; }

step() { printf '\n%s== %s%s\n' "$heading" "$*" "$normal"; }

die() {
	printf 'demo: %s\n' "$1" >&2
	[ $# -lt 2 ] || printf '  %s\n' "$2" >&2
	exit 1
}

main "$@"
