/**
 * `npm run bench:hostile -- [--only WORD]`: CPU for each byte of hostile input, as a multiple of what plain text costs, at two sizes each;
 * fails when one is above 8. Three paths, each with the plain text of its own:
 *
 * - `scanner`: the scanner alone, against chat messages as clients send them (349 bytes): a long run of text is no measure for it, because
 *   it is hardly more than a loop over bytes;
 * - `before`: a stream that nobody has signed in on, from its opening to its end, with as many bytes as it may send;
 * - `after`: from a session's bytes through node, router and store to the answer, or to another session, against a message of plain text.
 */
import { parseArgs } from 'node:util';
import { openBounds } from '../../lib/xmpp/scanner.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { type Client, type InProcessServer, open, startInProcess } from '../in-process.ts';
import { type Request, requests } from './requests.ts';
import { plainText, shapes } from './shapes.ts';

const timesMax = 8;
const sizes = { scanner: [16_000, 128_000], before: [3_500, 7_000], after: [16_000, 128_000] } as const;
type Path = keyof typeof sizes;
const rounds = 3;

const chatMessage =
  "<message to='romeo@montague.example/orchard' id='ktx72v49-1f0a-4d3e' type='chat' xml:lang='en'>" +
  '<body>Art thou not Romeo, and a Montague? Neither, fair saint, if either thee dislike.</body>' +
  "<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>" +
  "<origin-id xmlns='urn:xmpp:sid:0' id='ktx72v49-1f0a-4d3e'/></message>";

/** Nanoseconds of CPU for each byte: the least of several rounds, because other work on the machine only adds. */
async function costOf(bytes: number, bytesPerRound: number, work: () => Promise<void> | void): Promise<number> {
  const times = Math.max(2, Math.ceil(bytesPerRound / bytes));
  await work();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round += 1) {
    const before = process.cpuUsage();
    for (let count = 0; count < times; count += 1) await work();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, ((user + system) * 1_000) / (times * bytes));
  }
  return least;
}

/** As large as there is room for. */
function fit(shape: (bytes: number) => string, bytesMax: number): string {
  for (let bytes = bytesMax; ; bytes *= 0.9) {
    const text = shape(Math.floor(bytes));
    if (Buffer.byteLength(text) <= bytesMax || bytes < 100) return text;
  }
}

class Measures {
  readonly #server: InProcessServer;
  readonly #sender: Client;
  readonly #receiver: Client;
  #ids = 0;

  constructor(server: InProcessServer, sender: Client, receiver: Client) {
    this.#server = server;
    this.#sender = sender;
    this.#receiver = receiver;
  }

  scanner(element: string): Promise<number> {
    const bytes = Buffer.from(element);
    return costOf(bytes.length, 4_000_000, () => void Stanza.parse(bytes, { bounds: openBounds }));
  }

  /** The stream ends after one exchange, so that no count of failures slows the next one. */
  before(inside: string): Promise<number> {
    const element = `<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${inside}</abort>`;
    return costOf(Buffer.byteLength(element), 400_000, async () => {
      const client = await this.#server.connect('nobody');
      await client.ask(open, /features/);
      await client.ask(element, /<failure|<stream:error/);
      client.terminate();
    });
  }

  message(inside: string): Promise<number> {
    const element = (id: string): string =>
      `<message xmlns='jabber:client' to='${this.#receiver.jid}' id='${id}' type='chat'>${inside}<thread>${id}</thread></message>`;
    return costOf(Buffer.byteLength(element('h')), 800_000, async () => {
      const id = `h${this.#ids++}`;
      const arrived = new Promise<void>((resolve) => {
        this.#receiver.onStanza = (text) => {
          if (text.includes(`id='${id}'`)) resolve();
        };
      });
      const refused = this.#sender.ask(element(id), new RegExp(`id='${id}'`));
      await Promise.race([arrived, refused]);
    });
  }

  request(request: Request, bytes: number): Promise<number> {
    return costOf(Buffer.byteLength(request(bytes, 0).child), 400_000, async () => {
      const id = `h${this.#ids++}`;
      const { type, child } = request(bytes, this.#ids);
      await this.#sender.ask(`<iq xmlns='jabber:client' type='${type}' id='${id}'>${child}</iq>`, new RegExp(`id='${id}'`));
    });
  }
}

let isFailed = false;

function print(path: Path | 'path', name: string, cells: readonly string[]): void {
  console.log(`${path.padEnd(9)}${name.padEnd(66)}${cells.map((cell) => cell.padStart(18)).join('')}`);
}

/** One line: what it costs at each size, and how many times what plain text costs. */
async function row(
  path: Path,
  name: string,
  plain: readonly number[],
  measure: (bytes: number) => Promise<number>,
): Promise<void> {
  const cells: string[] = [];
  for (const [index, bytes] of sizes[path].entries()) {
    const cost = await measure(bytes);
    const times = cost / plain[index]!;
    if (times > timesMax) isFailed = true;
    cells.push(`${cost.toFixed(1)} ns ${times.toFixed(1)}×${times > timesMax ? ' !' : ''}`);
  }
  print(path, name, cells);
}

async function plainCosts(path: Path, measure: (bytes: number) => Promise<number>): Promise<readonly number[]> {
  const costs: number[] = [];
  for (const bytes of sizes[path]) costs.push(await measure(bytes));
  print(
    path,
    'plain',
    costs.map((cost) => `${cost.toFixed(1)} ns`),
  );
  return costs;
}

async function main(only: string): Promise<void> {
  const server = await startInProcess(['mallory', 'romeo']);
  const measures = new Measures(server, await server.enter('mallory', false), await server.enter('romeo', false));
  const wanted = <Value>(table: Readonly<Record<string, Value>>) => Object.entries(table).filter(([name]) => name.includes(only));
  // The engine compiles what is hot: nothing is measured before all shapes were seen.
  for (const shape of Object.values(shapes)) for (let n = 0; n < 20; n += 1) Stanza.parse(`<message>${shape(4_000)}</message>`);
  print('path', 'CPU for each byte, and times that of plain text', ['small', 'large']);

  const scan = (shape: (bytes: number) => string) => (bytes: number) => measures.scanner(`<message>${shape(bytes)}</message>`);
  const chat = await plainCosts('scanner', () => measures.scanner(chatMessage));
  for (const [name, shape] of wanted(shapes)) await row('scanner', name, chat, scan(shape));

  const early = (shape: (bytes: number) => string) => (bytes: number) => measures.before(fit(shape, bytes));
  const plainEarly = await plainCosts('before', early(plainText));
  for (const [name, shape] of wanted(shapes)) await row('before', name, plainEarly, early(shape));

  const late = (shape: (bytes: number) => string) => (bytes: number) => measures.message(fit(shape, bytes));
  await late(plainText)(16_000);
  const plainLate = await plainCosts('after', late(plainText));
  for (const [name, shape] of wanted(shapes)) await row('after', name, plainLate, late(shape));
  for (const [name, request] of wanted(requests)) {
    await row('after', name, plainLate, (bytes) => measures.request(request, bytes));
  }
  await server.stop();
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
await main(values.only);
if (isFailed) console.log(`! more than ${timesMax} times plain text`);
process.exit(isFailed ? 1 : 0);
