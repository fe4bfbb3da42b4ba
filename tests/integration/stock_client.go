// A client made of Debian's varlink-go alone. Usage: stock_client SOCKET IDL-FILE. Prints what went wrong and exits 1.
// (varlink-go's own parser of interface definitions does not take upper-case interface names, so it is not used here.)
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/varlink/go/varlink"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func expect(holds bool, what string) {
	if !holds {
		must(errors.New("expected " + what))
	}
}

func introspect(ctx context.Context, agent *varlink.Connection, idlFile string) {
	var vendor, product, version, url string
	var interfaces []string
	must(agent.GetInfo(ctx, &vendor, &product, &version, &url, &interfaces))
	expect(product == "signetd" && version != "", "GetInfo to name signetd and its version")
	expect(len(interfaces) == 2 && interfaces[0] == "org.signet.Agent" && interfaces[1] == "org.varlink.service",
		"two interfaces")
	description, err := agent.GetInterfaceDescription(ctx, "org.signet.Agent")
	must(err)
	idl, err := os.ReadFile(idlFile)
	must(err)
	expect(description == string(idl), "the interface description to be "+idlFile)
}

func call(ctx context.Context, agent *varlink.Connection) {
	var status struct {
		Version string
		Pid     int
		Ledger  *struct{ Id string }
	}
	must(agent.Call(ctx, "org.signet.Agent.Status", nil, &status))
	expect(status.Version != "" && status.Pid > 0 && status.Ledger != nil, "a version, a pid and a ledger")

	var tokens struct{ Tokens []struct{ Name, State string } }
	must(agent.Call(ctx, "org.signet.Agent.ListTokens", nil, &tokens))
	expect(len(tokens.Tokens) > 0 && tokens.Tokens[0].Name == "stock", "the token \"stock\" first")

	type message struct {
		Key     string `json:"key"`
		Message []byte `json:"message"` // base64, as the interface wants it
	}
	var signed struct {
		Signature []byte
		Scheme    string
	}
	must(agent.Call(ctx, "org.signet.Agent.SignMessage", message{"stock-key", []byte("hello")}, &signed))
	expect(signed.Scheme == "ecdsa-sha2-nistp256" && len(signed.Signature) > 60, "an ECDSA signature")
}

func fail(ctx context.Context, agent *varlink.Connection) {
	err := agent.Call(ctx, "org.signet.Agent.Nonsense", nil, nil)
	var notFound *varlink.MethodNotFound
	expect(errors.As(err, &notFound) && notFound.Method == "org.signet.Agent.Nonsense", "MethodNotFound")
	var invalid *varlink.InvalidParameter
	err = agent.Call(ctx, "org.signet.Agent.ShowKey", map[string]int{"key": 1}, nil)
	expect(errors.As(err, &invalid) && invalid.Parameter == "key", "InvalidParameter(key)")
	var other *varlink.Error
	err = agent.Call(ctx, "org.signet.Agent.ShowKey", map[string]string{"key": "nobody's"}, nil)
	expect(errors.As(err, &other) && other.Name == "org.signet.Agent.NotFound", "NotFound")
}

func more(ctx context.Context, agent *varlink.Connection) {
	receive, err := agent.Send(ctx, "org.signet.Agent.SignMessage",
		map[string]string{"key": "stock-key", "message": "aGVsbG8="}, varlink.More)
	must(err)
	for {
		var reply struct{ Signature *string }
		flags, err := receive(ctx, &reply)
		must(err)
		if flags&varlink.Continues == 0 {
			expect(reply.Signature != nil, "a signature in the last reply")
			return
		}
	}
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	agent, err := varlink.NewConnection(ctx, "unix:"+os.Args[1])
	must(err)
	introspect(ctx, agent, os.Args[2])
	call(ctx, agent)
	fail(ctx, agent)
	more(ctx, agent)
	must(agent.Close())
}
