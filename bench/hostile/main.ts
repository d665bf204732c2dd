/**
 * `npm run bench:hostile -- [--only WORD]` measures the CPU for each byte of hostile input as a multiple of the cost of plain
 * text of the same size on the same path, at two sizes each. It fails when a multiple is above 8.
 *
 * - `before`: a stream before sign-in over WebSocket, from its opening to its end, with as many bytes as it may send;
 * - `tcp`: the same over TCP, before STARTTLS;
 * - `after`: from a session's bytes through node, router, room and store to the answer, or to another session;
 * - `scanner`: the scanner alone, for those who change it. Plain text is hardly more than a loop over bytes there, so there is no
 *   bound on the multiple; one line is the cost of typical chat messages.
 *
 * Behind a request stands how it was answered: `result`, or conditions of errors. A row in which every request was refused for being one
 * too many would measure nothing, so it fails as well.
 */
import './unpaced-rooms.ts';
import { parseArgs } from 'node:util';
import { openBounds } from '../../lib/xmpp/scanner.ts';
import { Stanza } from '../../lib/xmpp/stanza.ts';
import { type InProcessServer, startInProcess } from '../in-process.ts';
import { Exchanges, tooFast } from './exchanges.ts';
import { requests } from './requests.ts';
import { roomRequests } from './room-requests.ts';
import { plainText, shapes } from './shapes.ts';
import { type Cost, compare, type Work } from './table.ts';

const timesMax = 8;
const paths = {
  before: { sizes: [3_500, 7_000], bytesPerRound: 120_000 },
  tcp: { sizes: [3_500, 7_000], bytesPerRound: 60_000 },
  after: { sizes: [16_000, 128_000], bytesPerRound: 256_000 },
  scanner: { sizes: [16_000, 128_000], bytesPerRound: 512_000 },
} as const;
type Path = keyof typeof paths;

const chatMessage =
  "<message to='romeo@montague.example/orchard' id='ktx72v49-1f0a-4d3e' type='chat' xml:lang='en'>" +
  '<body>Art thou not Romeo, and a Montague? Neither, fair saint, if either thee dislike.</body>' +
  "<active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/>" +
  "<origin-id xmlns='urn:xmpp:sid:0' id='ktx72v49-1f0a-4d3e'/></message>";

type Shape = (bytes: number) => string;
type Make = (bytes: number) => Work;

/** As large as the bounds allow. */
function fit(shape: Shape, bytesMax: number): string {
  for (let bytes = bytesMax; ; bytes *= 0.9) {
    const text = shape(Math.floor(bytes));
    if (Buffer.byteLength(text) <= bytesMax || bytes < 100) return text;
  }
}

function scan(text: string): Work {
  const bytes = Buffer.from(text);
  return { bytes: bytes.length, run: () => void Stanza.parse(bytes, { bounds: openBounds }) };
}

/** For each path: how plain text is measured, and the other cases by name. */
function worksOf(path: Path, exchanges: Exchanges): { plain: Make; others: readonly (readonly [string, Make])[] } {
  const makeOf: Readonly<Record<Path, (shape: Shape) => Make>> = {
    before: (shape) => (bytes) => exchanges.before(fit(shape, bytes)),
    tcp: (shape) => (bytes) => exchanges.beforeTls(fit(shape, bytes)),
    after: (shape) => (bytes) => exchanges.message(fit(shape, bytes)),
    scanner: (shape) => (bytes) => scan(`<message>${shape(bytes)}</message>`),
  };
  const make = makeOf[path];
  const others = Object.entries(shapes).map(([name, shape]) => [name, make(shape)] as const);
  if (path === 'scanner') others.unshift(['chat messages of 349 bytes', () => scan(chatMessage)]);
  if (path === 'after') {
    const inside = shapes['empty elements in one']!;
    others.push(['presence to somebody: empty elements', (bytes) => exchanges.presence(fit(inside, bytes))]);
    others.push(['capabilities: features', (bytes) => exchanges.capabilities(bytes)]);
    for (const [name, request] of Object.entries({ ...requests, ...roomRequests })) {
      others.push([name, (bytes) => exchanges.request(request, bytes)]);
    }
  }
  return { plain: make(plainText), others };
}

function cellOf({ cost, times }: Cost): string {
  return `${cost.toFixed(1)} ns ${times.toFixed(1)}×`.padStart(20);
}

/** @returns whether all costs are within the bound */
async function printPath(path: Path, exchanges: Exchanges, only: string): Promise<boolean> {
  const { sizes, bytesPerRound } = paths[path];
  const { plain, others } = worksOf(path, exchanges);
  const wanted = others.filter(([name]) => name.includes(only));
  const columns: (readonly Cost[])[] = [];
  for (const bytes of sizes) {
    columns.push(await compare(plain(bytes), new Map(wanted.map(([name, make]) => [name, make(bytes)])), bytesPerRound));
  }
  console.log(`\n${path.padEnd(64)}${sizes.map((bytes) => `${bytes} bytes`.padStart(20)).join('')}`);
  let isGood = true;
  for (const [index, { name }] of columns[0]!.entries()) {
    const cells = columns.map((column) => column[index]!);
    const isTooMuch = path !== 'scanner' && cells.some(({ times }) => times > timesMax);
    const answers = [...new Set(cells.flatMap((cell) => cell.answers))];
    const isPaced = answers.length > 0 && answers.every((answer) => answer === tooFast);
    console.log(`${name.padEnd(64)}${cells.map(cellOf).join('')}  ${answers.join(', ')}${isTooMuch || isPaced ? ' !' : ''}`);
    isGood &&= !isTooMuch && !isPaced;
  }
  return isGood;
}

async function main(server: InProcessServer, only: string): Promise<boolean> {
  const exchanges = await Exchanges.start(server);
  // The engine compiles hot code, so all shapes run once before anything is measured.
  for (const shape of Object.values(shapes)) for (let n = 0; n < 20; n += 1) Stanza.parse(`<message>${shape(4_000)}</message>`);
  let isGood = true;
  for (const path of Object.keys(paths) as Path[]) isGood = (await printPath(path, exchanges, only)) && isGood;
  return isGood;
}

const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
const server = await startInProcess(['mallory', 'romeo']);
const isGood = await main(server, values.only);
await server.stop();
if (!isGood) console.log(`! more than ${timesMax} times plain text, or never handled`);
process.exit(isGood ? 0 : 1);
