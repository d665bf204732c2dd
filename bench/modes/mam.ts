/** Reads archives page by page (XEP-0313 with XEP-0059), all at once. Each message must be there once, in order. */
import type { Client } from '../generator/client.ts';
import { forEach, watchLosses } from '../generator/crowd.ts';
import { readMark, Tally, writeMark } from '../generator/tally.ts';
import { until } from '../pause.ts';
import { beginCpu, ModeFailed, type Outcome } from './outcome.ts';

export interface ArchiveOptions {
  /** Messages in each reader's archive. */
  readonly messages: number;
  readonly page: number;
  /** How often each archive is read. */
  readonly times: number;
}

const waitMsMax = 60_000;
const underWay = 20;
const pagesMax = 10_000;

/** Every second client reads; its neighbour has written to it. The archives are filled once and read in each round. */
export async function archive(
  clients: readonly Client[],
  pid: number | undefined,
  options: ArchiveOptions,
  isFilled: boolean,
): Promise<Outcome> {
  const losses = watchLosses(clients);
  if (!isFilled) await fill(clients, options.messages);
  const readers = clients.filter((_, index) => index % 2 === 0);
  let [returned, duplicated, reordered, pages] = [0, 0, 0, 0];
  await forEach(readers.slice(0, 2), 2, async (client) => void (await readAll(client, options.page, new Tally())));
  const cpu = beginCpu(pid);
  for (let time = 0; time < options.times; time++) {
    await forEach(readers, readers.length, async (client) => {
      const tally = new Tally();
      const own = await readAll(client, options.page, tally);
      pages += own;
      returned += tally.delivered;
      duplicated += tally.duplicated;
      reordered += tally.reordered;
    });
  }
  const { seconds, serverMicrosEach, generatorMicrosEach } = cpu(returned);
  if (losses.count() > 0) throw new ModeFailed(`${losses.count()} streams ended, such as ${losses.first()}`);
  return {
    unit: 'archived messages',
    count: returned,
    cpuMicrosEach: serverMicrosEach,
    lost: readers.length * options.messages * options.times - returned,
    duplicated,
    reordered,
    figures: { perSecond: returned / seconds, pages, generatorMicrosEach },
  };
}

async function fill(clients: readonly Client[], messages: number): Promise<void> {
  let arrived = 0;
  for (let index = 0; index + 1 < clients.length; index += 2) {
    const [reader, writer] = [clients[index]!, clients[index + 1]!];
    let next = 0;
    const write = () => {
      if (next >= messages) return;
      const body = `${writeMark(index, next++, performance.now())} Wherefore art thou, Romeo? Deny thy father and refuse thy name.`;
      writer.send(`<message type='chat' to='${reader.jid}' id='f${index}-${next}'><body>${body}</body></message>`);
    };
    reader.onStanza = (bytes, start, end) => {
      if (readMark(bytes, start, end) === undefined) return;
      arrived++;
      write();
    };
    for (let count = 0; count < underWay; count++) write();
  }
  const wanted = Math.floor(clients.length / 2) * messages;
  if (!(await until(() => arrived >= wanted, waitMsMax * 2)))
    throw new ModeFailed(`only ${arrived} of ${wanted} messages arrived to be archived`);
}

/** Reads one archive. @returns the number of pages */
async function readAll(client: Client, page: number, tally: Tally): Promise<number> {
  let after = '';
  for (let pages = 1; pages <= pagesMax; pages++) {
    const fin = await readPage(client, page, after, tally);
    const last = /<last[^>]*>([^<]+)</.exec(fin)?.[1];
    if (/\scomplete=['"]true['"]/.test(fin) || last === undefined) return pages;
    after = last;
  }
  throw new ModeFailed(`${client.jid}: the archive has no end`);
}

function readPage(client: Client, page: number, after: string, tally: Tally): Promise<string> {
  const id = `mam${after}`;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new ModeFailed(`${client.jid}: no page within ${waitMsMax} ms`)), waitMsMax);
    client.onStanza = (bytes, start, end) => {
      const mark = readMark(bytes, start, end);
      if (mark !== undefined) {
        tally.take(mark.stream, mark.sequence);
        return;
      }
      const text = bytes.toString('utf8', start, end);
      if (!text.startsWith('<iq')) return;
      clearTimeout(timer);
      client.onStanza = undefined;
      if (/\stype=['"]result['"]/.test(text)) resolve(text);
      else reject(new ModeFailed(`${client.jid}: ${text}`));
    };
    const from = after === '' ? '' : `<after>${after}</after>`;
    client.send(
      `<iq type='set' id='${id}'><query xmlns='urn:xmpp:mam:2' queryid='q'><set xmlns='http://jabber.org/protocol/rsm'><max>${page}</max>${from}</set></query></iq>`,
    );
  });
}
