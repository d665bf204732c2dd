/**
 * What the scanner costs: microseconds of one core for each chat message of 349 bytes. It should be 1 to 2.
 *
 * Run it with `node bench/scanner.ts`. The figures depend on the machine; compare the lines with each other.
 */
import { parse } from 'ltx';
import { openBounds, StreamScanner } from '../lib/xmpp/scanner.ts';
import { Stanza, spliceTo } from '../lib/xmpp/stanza.ts';

const header =
  "<stream:stream to='example.com' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const message =
  "<message to='romeo@montague.example/orchard' id='ktx72v49-1f0a-4d3e' type='chat' xml:lang='en'>" +
  '<body>Art thou not Romeo, and a Montague? Neither, fair saint, if either thee dislike.</body>' +
  "<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>" +
  "<origin-id xmlns='urn:xmpp:sid:0' id='ktx72v49-1f0a-4d3e'/></message>";
const bytes = Buffer.from(message);
/** Bytes as they come from a busy socket. */
const chunk = Buffer.from(message.repeat(40));

function measure(what: string, perRound: number, round: () => void): void {
  const measured = (seconds: number): number => {
    const start = process.hrtime.bigint();
    const end = start + BigInt(seconds * 1e9);
    let rounds = 0;
    while (process.hrtime.bigint() < end) {
      round();
      rounds += 1;
    }
    return Number(process.hrtime.bigint() - start) / 1000 / rounds / perRound;
  };
  measured(0.5);
  const runs = [measured(0.4), measured(0.4), measured(0.4)];
  console.log(`${what.padEnd(44)} ${Math.min(...runs).toFixed(2)} µs`);
}

const scanner = new StreamScanner({ contentNs: 'jabber:client', bounds: openBounds });
scanner.push(Buffer.from(header));
scanner.next();

function scan(input: Buffer, each: (stanza: Stanza) => void): void {
  scanner.push(input);
  for (let event = scanner.next(); event !== undefined; event = scanner.next()) {
    if (event.kind !== 'stanza') throw new Error(`unexpected ${event.kind}`);
    each(event);
  }
}

const ignore = (): void => {};
const rendered = (stanza: Stanza): void => {
  stanza.render({ ...stanza.attributes, from: 'juliet@capulet.example/balcony' });
};

console.log(`${bytes.length} bytes`);
measure('scan', 40, () => scan(chunk, ignore));
measure('scan + render with from', 40, () => scan(chunk, rendered));
measure('scan, one message per chunk', 1, () => scan(bytes, ignore));
const halves = [bytes.subarray(0, 170), bytes.subarray(170)];
measure('scan, one message in two chunks', 1, () => {
  for (const half of halves) scan(half, ignore);
});
const stanza = Stanza.parse(message);
measure('render with from', 1, () => rendered(stanza));
measure('splice to', 1, () => void spliceTo(bytes, 'romeo@montague.example/orchard'));
measure('Stanza.parse + one child as a tree', 1, () => void Stanza.parse(bytes).child('origin-id', 'urn:xmpp:sid:0'));
measure('Stanza.parse + whole tree', 1, () => void Stanza.parse(bytes).element());
measure('ltx: parse + stamp + serialize', 1, () => {
  const element = parse(bytes.toString());
  element.attrs.from = 'juliet@capulet.example/balcony';
  Buffer.from(element.toString());
});
