/**
 * XEP-0227: Portable Import/Export Format for XMPP-IM Servers, read piece by piece.
 *
 * A file may include others (§5), as those of ejabberd do: one for each host, or for each user. They are found beside the file that names
 * them, in its folder or below, and nowhere else: what a file says must not make us read another one of the machine.
 */
import { createReadStream, realpathSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { type Element, escapeAttribute } from '../../../lib/xmpp/element.ts';
import { pieNs } from '../../router/portable/take-piece.ts';
import { quote, Refusal, reasonOf } from '../core/report.ts';
import { portableLimits } from './limits.ts';
import { type Tag, XmlWalk } from './xml-walk.ts';

/** That of the drafts, which older servers write. */
const pieNamespaces: ReadonlySet<string> = new Set([pieNs, 'http://www.xmpp.org/extensions/xep-0227.html#ns']);
const includeNs = 'http://www.w3.org/2001/XInclude';

/** What is found in a file, in its order. */
export type Found =
  | { readonly kind: 'host'; readonly jid: string; readonly place: string }
  | {
      readonly kind: 'user';
      readonly host: string;
      readonly name: string;
      readonly password: string | undefined;
      readonly place: string;
    }
  /** Something of the last user. @property within the opening tags between it and the user. */
  | { readonly kind: 'part'; readonly within: readonly string[]; readonly element: Element; readonly place: string }
  | { readonly kind: 'user-end' }
  /** Something that is not known where it stands, and was passed over. */
  | { readonly kind: 'unknown'; readonly what: string; readonly place: string };

/** The parts of a user that may be large, and what stands in them that may be, too. */
const entered: ReadonlySet<string> = new Set([
  '{jabber:iq:roster}query',
  '{jabber:iq:private}query',
  '{http://jabber.org/protocol/pubsub#owner}pubsub',
  '{http://jabber.org/protocol/pubsub}pubsub',
  '{http://jabber.org/protocol/pubsub}pubsub {http://jabber.org/protocol/pubsub}items',
  '{urn:xmpp:pie:0#mam}archive',
  ...[...pieNamespaces].map((ns) => `{${ns}}offline-messages`),
]);

/** @throws {Refusal} that names the place where it is not what it should be */
export async function* readServerData(path: string): AsyncGenerator<Found> {
  const folder = dirname(realpath(path));
  yield* document(path, ['server-data'], (walk) =>
    children(walk, path, folder, 'host', (host, tag, from) => readHost(host, tag, from, folder)),
  );
}

async function* readHost(walk: XmlWalk, tag: Tag, path: string, folder: string): AsyncGenerator<Found> {
  const { jid } = tag.attributes;
  if (jid === undefined) throw new Refusal(`${tag.place}: <host/> needs a 'jid'`);
  yield { kind: 'host', jid, place: tag.place };
  walk.enter();
  yield* children(walk, path, folder, 'user', (user, own, from) => readUser(user, own, from, folder, jid));
}

async function* readUser(walk: XmlWalk, tag: Tag, path: string, folder: string, host: string): AsyncGenerator<Found> {
  const { name, password } = tag.attributes;
  if (name === undefined || name === '') throw new Refusal(`${tag.place}: <user/> needs a 'name'`);
  yield { kind: 'user', host, name, password, place: tag.place };
  walk.enter();
  for (let part = await walk.next(); part !== undefined; part = await walk.next()) {
    if (part.ns === includeNs) {
      const file = await included(walk, part, path, folder);
      yield* document(file, undefined, (inner, root) => readPart(inner, root, []));
    } else yield* readPart(walk, part, []);
  }
  yield { kind: 'user-end' };
}

async function* readPart(walk: XmlWalk, tag: Tag, around: readonly Tag[]): AsyncGenerator<Found> {
  const path = [...around, tag];
  if (!entered.has(path.map(({ ns, name }) => `{${ns}}${name}`).join(' '))) {
    yield { kind: 'part', within: around.map(openingOf), element: await walk.whole(), place: tag.place };
    return;
  }
  walk.enter();
  for (let child = await walk.next(); child !== undefined; child = await walk.next()) yield* readPart(walk, child, path);
}

/** As we write it. Prefixed attributes are not of this specification. */
function openingOf({ name, ns, attributes }: Tag): string {
  const own = Object.entries(attributes).filter(([attribute]) => !attribute.includes(':'));
  const written = pieNamespaces.has(ns) ? pieNs : ns;
  return `<${name} xmlns='${escapeAttribute(written)}'${own.map(([key, value]) => ` ${key}='${escapeAttribute(value)}'`).join('')}>`;
}

type Reader = (walk: XmlWalk, tag: Tag, path: string) => AsyncGenerator<Found>;

/** The children of the element that was entered: those of one name are read, here or in the files that are included for them. */
async function* children(walk: XmlWalk, path: string, folder: string, name: string, read: Reader): AsyncGenerator<Found> {
  for (let tag = await walk.next(); tag !== undefined; tag = await walk.next()) {
    if (isOfPie(tag, name)) yield* read(walk, tag, path);
    else if (tag.ns === includeNs) {
      const file = await included(walk, tag, path, folder);
      yield* document(file, [name], (inner, root) => read(inner, root, file));
    } else {
      yield { kind: 'unknown', what: `<${tag.name} xmlns='${tag.ns}'/>`, place: tag.place };
      await walk.skip();
    }
  }
}

function isOfPie({ name, ns }: Tag, wanted: string): boolean {
  return name === wanted && pieNamespaces.has(ns);
}

/** @param names of the root, in the namespace of this specification; undefined: any */
async function* document(
  path: string,
  names: readonly string[] | undefined,
  read: (walk: XmlWalk, root: Tag) => AsyncGenerator<Found>,
): AsyncGenerator<Found> {
  const stream = createReadStream(path, { highWaterMark: portableLimits.chunkBytes });
  try {
    const walk = new XmlWalk(quote(path), stream as AsyncIterable<Uint8Array>);
    const root = await walk.root();
    if (names !== undefined && !names.some((name) => isOfPie(root, name)))
      throw walk.refusal(
        `the file should have <${names.join('/>, <')}/> of '${pieNs}', and it has <${root.name}/> of '${root.ns}'`,
      );
    if (names?.[0] === 'server-data') walk.enter();
    yield* read(walk, root);
    await walk.finish();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new Refusal(`'${path}' cannot be read: ${reasonOf(error)}`);
  } finally {
    stream.destroy();
  }
}

/** The file that `<include/>` names (§5). @throws {Refusal} when it is not one beside this file */
async function included(walk: XmlWalk, { name, attributes, place }: Tag, path: string, folder: string): Promise<string> {
  const { href, parse = 'xml', xpointer } = attributes;
  if (name !== 'include' || href === undefined || parse !== 'xml' || xpointer !== undefined)
    throw new Refusal(`${place}: only <include/> with an 'href' and without 'xpointer' can be followed`);
  await walk.skip();
  const away = () => new Refusal(`${place}: '${href}' is not a file beside this one, or in a folder below`);
  if (/^[a-z][a-z0-9+.-]*:|[\\?#\0]/i.test(href)) throw away();
  let named: string;
  try {
    named = resolve(dirname(path), decodeURIComponent(href));
  } catch {
    throw away();
  }
  const found = realpath(named);
  const below = relative(folder, found);
  if (below === '' || below.startsWith('..') || below.startsWith(sep)) throw away();
  return found;
}

function realpath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new Refusal(`'${path}' cannot be read: ${reasonOf(error)}`);
  }
}
