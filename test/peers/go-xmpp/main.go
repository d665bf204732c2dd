// A person with go-xmpp over direct TLS: `go-xmpp ADDRESS JID PASSWORD AGENT CA [MECHANISM TOKEN]`.
//
// Signs in at ADDRESS with XEP-0388 as the client AGENT, with PASSWORD (XEP-0474, XEP-0515), or with TOKEN by MECHANISM (XEP-0484). It asks for a
// token, or without an AGENT for keys of a stronger hash (XEP-0480). When its own presence has come back it prints "in" with its JID, the mechanism by which it has signed in, and the mechanism and
// the text of the token that it was given, if any. It ends when its input ends; with 1 and the reason when it is not let in.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/xmppo/go-xmpp"
)

func main() {
	if len(os.Args) != 6 && len(os.Args) != 8 {
		fail("usage", fmt.Errorf("go-xmpp ADDRESS JID PASSWORD AGENT CA [MECHANISM TOKEN]"))
	}
	address, own, password, agent := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	authority, err := os.ReadFile(os.Args[5])
	if err != nil {
		fail("the CA cannot be read", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	_, domain, _ := strings.Cut(own, "@")
	options := xmpp.Options{
		Host:          address,
		User:          own,
		Password:      password,
		TLSConfig:     &tls.Config{ServerName: domain, RootCAs: roots, MinVersion: tls.VersionTLS13},
		SSDP:          true,
		NoPLAIN:       true,
		UserAgentSW:   "go-xmpp",
		UserAgentID:   agent,
		Fast:          agent != "",
		Status:        "chat",
		StatusMessage: "here",
	}
	if len(os.Args) == 8 {
		// go-xmpp reads the list of mechanisms before it takes the token's.
		options.FastMechanism, options.FastToken = os.Args[6], os.Args[7]
	}
	client, err := options.NewClient()
	if err != nil {
		fail("not let in", err)
	}
	for {
		stanza, err := client.Recv()
		if err != nil {
			fail("the stream has ended", err)
		}
		if presence, ok := stanza.(xmpp.Presence); ok && presence.From == client.JID() {
			break
		}
	}
	fmt.Printf("in %s %s %s %s\n", client.JID(), client.Mechanism, client.Fast.Mechanism, client.Fast.Token)
	io.Copy(io.Discard, os.Stdin)
	client.Close()
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}
