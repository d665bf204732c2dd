/** The attributes of an opening tag, by name as written, in their order. */
import { ATTRIBUTE_STRIDE, type ScannedElement } from './xml-element.ts';
import { intern } from './xml-namespaces.ts';
import { decodeAttribute } from './xml-text.ts';

/** undefined: the attribute is not there. */
export type Attributes = Readonly<Record<string, string | undefined>>;

/** An object without inherited names that stays in the engine's fast mode, unlike objects with no prototype at all. */
const AttributeRecord = (() => {
  function Bare() {}
  Bare.prototype = Object.create(null);
  return Bare as unknown as new () => Record<string, string>;
})();

/** Records are never changed once they are complete, so stanzas share them. */
export function present(attributes: Attributes): Readonly<Record<string, string>> {
  if (attributes instanceof AttributeRecord) return attributes;
  const record = new AttributeRecord();
  for (const name in attributes) {
    const value = attributes[name];
    if (value !== undefined) record[name] = value;
  }
  return record;
}

export function readAttributes(bytes: Buffer, scanned: ScannedElement): Readonly<Record<string, string>> {
  const record = new AttributeRecord();
  const spans = scanned.attributes;
  if (spans.length === 0) return record;
  // One string for the whole tag: taking its parts copies nothing. Bytes over 0x7F would shift the offsets.
  const tag = scanned.isWide ? undefined : bytes.toString('latin1', 0, scanned.openEnd);
  for (let index = 0; index < spans.length; index += ATTRIBUTE_STRIDE) {
    const name = intern(bytes, spans[index]!, spans[index + 1]!);
    if (name.startsWith('xmlns') && (name.length === 5 || name[5] === ':')) continue;
    const raw = tag?.slice(spans[index + 2], spans[index + 3]) ?? bytes.toString('utf8', spans[index + 2], spans[index + 3]);
    record[name] = scanned.hasSpecials ? decodeAttribute(raw) : raw;
  }
  return record;
}

/** A copy with these addresses. */
export function addressed(attributes: Attributes, from: string, to: string): Readonly<Record<string, string>> {
  const record = new AttributeRecord();
  for (const name in attributes) record[name] = attributes[name]!;
  record.from = from;
  record.to = to;
  return record;
}
