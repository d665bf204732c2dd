// A person with mellium.im/xmpp, by a full JID: `mellium ADDRESS JID PASSWORD PEER SAYS WAITS_FOR CA`.
//
// Signs in over STARTTLS at ADDRESS, prints "bound JID", sends SAYS to PEER, prints "got BODY from JID" for each message with a body,
// and ends with 0 when that was WAITS_FOR.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"time"

	"mellium.im/sasl"
	"mellium.im/xmlstream"
	"mellium.im/xmpp"
	"mellium.im/xmpp/jid"
	"mellium.im/xmpp/stanza"
)

type message struct {
	stanza.Message
	Body string `xml:"body"`
}

func main() {
	if len(os.Args) != 8 {
		fail("usage: mellium ADDRESS JID PASSWORD PEER SAYS WAITS_FOR CA", nil)
	}
	address, own, password, peer := os.Args[1], jid.MustParse(os.Args[2]), os.Args[3], jid.MustParse(os.Args[4])
	says, waitsFor := os.Args[5], os.Args[6]
	authority, err := os.ReadFile(os.Args[7])
	if err != nil {
		fail("the CA cannot be read", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)

	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		fail("no connection", err)
	}
	session, err := xmpp.NewClientSession(ctx, own, conn,
		xmpp.StartTLS(&tls.Config{ServerName: own.Domain().String(), RootCAs: roots, MinVersion: tls.VersionTLS12}),
		xmpp.SASL("", password, sasl.ScramSha256Plus, sasl.ScramSha256, sasl.ScramSha1Plus, sasl.ScramSha1),
		xmpp.BindResource(),
	)
	if err != nil {
		fail("no session", err)
	}
	fmt.Printf("bound %s\n", session.LocalAddr())
	go func() {
		<-ctx.Done()
		fail("too slow", ctx.Err())
	}()
	if err := session.Send(ctx, stanza.Presence{Type: stanza.AvailablePresence}.Wrap(nil)); err != nil {
		fail("presence cannot be sent", err)
	}
	if err := session.Encode(ctx, message{Message: stanza.Message{To: peer, Type: stanza.ChatMessage}, Body: says}); err != nil {
		fail("the message cannot be sent", err)
	}
	err = session.Serve(xmpp.HandlerFunc(func(stream xmlstream.TokenReadEncoder, start *xml.StartElement) error {
		if start.Name.Local != "message" {
			return nil
		}
		got := message{}
		// The decoder has not seen the opening tag, so it complains of the closing one, when all of the message is read.
		_ = xml.NewTokenDecoder(stream).DecodeElement(&got, start)
		if got.Body != "" {
			fmt.Printf("got %s from %s\n", got.Body, got.From)
		}
		if got.Body == waitsFor {
			os.Exit(0)
		}
		return nil
	}))
	fail("the stream has ended", err)
}

func fail(what string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
	os.Exit(1)
}
